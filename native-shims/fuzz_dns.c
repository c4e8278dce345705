/* The name responder's readers under a fuzzer: of messages from containers, and of the files of members.
 *
 * `make fuzz-dns`, `make check-dns`: fuzz_main.c. The line for an input is what was said to it.
 *
 * The first byte of an input says what the rest is: a question by UDP or by TCP, by IPv4 or IPv6, or the new text of one
 * of two files. Nobody is asked, and nothing is sent. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns.h"
#include "fuzz.h"

#define HEADER 12

int LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

static const char *const files[] = { "app", "other" };

static char directory[] = "/tmp/runt-fuzz-dns-XXXXXX";
static struct responder *the_responder;

static void
clean (void)
{
  for (int i = 0; i < 2; i++)
    unlinkat (the_responder->members, files[i], 0);
  rmdir (directory);
}

static struct responder *
responder (void)
{
  if (the_responder)
    return the_responder;
  the_responder = calloc (1, sizeof *the_responder);
  if (!the_responder || !mkdtemp (directory))
    abort ();
  the_responder->members = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (the_responder->members < 0)
    abort ();
  atexit (clean);
  return the_responder;
}

static const char *
write_file (struct responder *r, const char *name, const uint8_t *bytes, size_t size)
{
  int fd = openat (r->members, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write (fd, bytes, size) != (ssize_t) size)
    abort ();
  close (fd);
  return "file";
}

/* Past one name, which may point back; 0 if it leads out of the message. */
static size_t
skip_name (const uint8_t *message, size_t length, size_t at)
{
  while (at < length && message[at] != 0)
    {
      if (message[at] >= 0xc0)
        return at + 2 <= length ? at + 2 : 0;
      at += 1 + (size_t) message[at];
    }
  return at < length ? at + 1 : 0;
}

/* What resolvers check of an answer. */
static void
check_answer (const uint8_t *message, size_t length, const uint8_t *question)
{
  if (length < HEADER || memcmp (message, question, 2) != 0 || !(message[2] & 0x80))
    abort ();
  unsigned questions = (unsigned) (message[4] << 8 | message[5]), records = (unsigned) (message[6] << 8 | message[7]);
  size_t at = HEADER;
  if (questions > 1 || (questions == 0 && records > 0))
    abort ();
  if (questions && (!(at = skip_name (message, length, at)) || (at += 4) > length))
    abort ();
  for (unsigned i = 0; i < records; i++)
    {
      if (!(at = skip_name (message, length, at)) || at + 10 > length)
        abort ();
      at += 10 + (size_t) (message[at + 8] << 8 | message[at + 9]);
      if (at > length)
        abort ();
    }
  if (at != length)
    abort ();
}

static const char *
ask (struct responder *r, bool tcp, bool ipv6, const uint8_t *question, size_t size)
{
  /* As large as what the responder has for it, so that one byte too far is seen. */
  size_t room = tcp ? 65536 : MAX_MESSAGE, limit = tcp ? room - 1 : 512;
  if (size > limit && tcp)
    size = limit;
  if (size > room)
    size = room;
  uint8_t *message = malloc (room);
  struct listener l = { .network = "app" };
  struct sockaddr_storage client;
  struct lookup found;
  static char text[32];
  if (!message || !dns_parse_address (ipv6 ? "fd00::2" : "10.87.0.2", &client))
    abort ();
  memcpy (message, question, size);
  long length = dns_answer (r, &l, &client, message, size, limit, &found);
  if (length > (long) limit && length > (long) size)
    abort ();
  if (length == 0)
    {
      if (found.servers.count == 0 || found.servers.count > MAX_SERVERS)
        abort ();
      check_answer (message, dns_failure (message, size), question);
      strcpy (text, "others");
    }
  else if (length < 0)
    strcpy (text, "silence");
  else
    {
      check_answer (message, (size_t) length, question);
      snprintf (text, sizeof text, "rcode %d, %d records", message[3] & 15, message[6] << 8 | message[7]);
    }
  free (message);
  return text;
}

const char *
fuzz_check (const uint8_t *bytes, size_t size)
{
  struct responder *r = responder ();
  if (size == 0)
    return "nothing";
  unsigned what = bytes[0] % 6;
  if (what >= 4)
    return write_file (r, files[what - 4], bytes + 1, size - 1);
  return ask (r, what & 1, what & 2, bytes + 1, size - 1);
}
