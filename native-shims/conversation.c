/* Records out, single bytes in: see src/runtime/wire/messages.ts for the order of things. */
#include "shim.h"

/* A seccomp filter may answer every call with EINTR, in init that has it already. */
enum { MOST_INTERRUPTIONS = 1000 };

void
send_record (int socket, const struct record *record)
{
  /* A plain write, because a seccomp profile may not send `write` to a listener, but may any other. */
  const char *p = (const char *) record;
  int interruptions = 0;
  for (size_t done = 0; done < sizeof *record;)
    {
      ssize_t n = write (socket, p + done, sizeof *record - done);
      if (n < 0 && errno == EINTR && interruptions++ < MOST_INTERRUPTIONS)
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
  int interruptions = 0;
  do
    n = read (socket, &byte, 1);
  while (n < 0 && errno == EINTR && interruptions++ < MOST_INTERRUPTIONS);
  return n == 1 && byte == 1;
}

bool
receive_record (int socket, struct record *record)
{
  char *p = (char *) record;
  for (size_t done = 0; done < sizeof *record;)
    {
      ssize_t n = read (socket, p + done, sizeof *record - done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return false;
      done += (size_t) n;
    }
  return true;
}
