/* Records out, single bytes in: see src/runtime/wire/messages.ts for the order of things. */
#include "shim.h"

void
send_record (int socket, const struct record *record)
{
  /* A plain write, because a seccomp profile may not send `write` to a listener, but may any other. */
  const char *p = (const char *) record;
  for (size_t done = 0; done < sizeof *record;)
    {
      ssize_t n = write (socket, p + done, sizeof *record - done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return;
      done += (size_t) n;
    }
}

void
send_message (int socket, uint32_t type, int64_t value)
{
  struct record record = { .type = type, .value = value };
  send_record (socket, &record);
}

bool
await_go (int socket)
{
  char byte = 0;
  ssize_t n;
  do
    n = read (socket, &byte, 1);
  while (n < 0 && errno == EINTR);
  return n == 1 && byte == 1;
}
