/* Questions for names that are not ours: other servers are asked, and what they say goes back as it is. */
#include "dns.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* How long a server may take before the next one is asked. */
#define PATIENCE_MS 2000
/* Longest answer by UDP to whom has not said what he can take. See RFC 1035 section 2.3.4. */
#define PLAIN_LIMIT 512

static int64_t
now_ms (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
give_up (struct pending *p)
{
  close (p->fd);
  p->fd = -1;
}

static void
fail (struct pending *p)
{
  size_t length = dns_failure (p->question, p->length);
  sendto (p->udp, p->question, length, MSG_DONTWAIT, (struct sockaddr *) &p->client, address_size (&p->client));
}

/* Asks the next server that can be asked. Returns whether there was one; the answer is "failure" if not. */
static bool
ask_next (struct pending *p)
{
  if (p->fd >= 0)
    give_up (p);
  while (p->tried < p->servers.count)
    {
      const struct sockaddr_storage *server = &p->servers.address[p->tried++];
      /* A socket for each question has a port that nobody can guess. */
      int fd = socket (server->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      if (fd < 0)
        continue;
      if (connect (fd, (const struct sockaddr *) server, address_size (server)) == 0
          && send (fd, p->question, p->length, 0) == (ssize_t) p->length)
        {
          p->fd = fd;
          p->deadline_ms = now_ms () + PATIENCE_MS;
          return true;
        }
      close (fd);
    }
  fail (p);
  return false;
}

static struct pending *
free_place (struct responder *r)
{
  for (unsigned i = 0; i < MAX_PENDING; i++)
    if (r->pending[i].fd < 0)
      return &r->pending[i];
  return NULL;
}

void
dns_answer_udp (struct responder *r, unsigned listener)
{
  struct listener *l = &r->listener[listener];
  uint8_t message[MAX_MESSAGE];
  struct sockaddr_storage client = { 0 };
  socklen_t size = sizeof client;
  ssize_t n = recvfrom (l->udp, message, sizeof message, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *) &client, &size);
  if (n <= 0 || (size_t) n > sizeof message)
    return;
  struct lookup found;
  long length = dns_answer (r, l, &client, message, (size_t) n, PLAIN_LIMIT, &found);
  if (length < 0)
    return;
  struct pending *p = length == 0 ? free_place (r) : NULL;
  if (p)
    {
      p->udp = l->udp;
      p->client = client;
      p->servers = found.servers;
      p->tried = 0;
      p->length = (size_t) n;
      memcpy (p->question, message, (size_t) n);
      ask_next (p);
      return;
    }
  if (length == 0)
    length = (long) dns_failure (message, (size_t) n);
  sendto (l->udp, message, (size_t) length, MSG_DONTWAIT, (struct sockaddr *) &client, size);
}

void
dns_pass_on (struct responder *r, unsigned pending)
{
  struct pending *p = &r->pending[pending];
  uint8_t message[65535];
  if (p->fd < 0)
    return;
  ssize_t n = recv (p->fd, message, sizeof message, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  /* Refused: nobody is there. */
  if (n < 12)
    {
      ask_next (p);
      return;
    }
  if (memcmp (message, p->question, 2) != 0 || !(message[2] & 0x80))
    return;
  sendto (p->udp, message, (size_t) n, MSG_DONTWAIT, (struct sockaddr *) &p->client, address_size (&p->client));
  give_up (p);
}

int
dns_expire (struct responder *r)
{
  int64_t now = now_ms (), next = -1;
  for (unsigned i = 0; i < MAX_PENDING; i++)
    {
      struct pending *p = &r->pending[i];
      if (p->fd >= 0 && p->deadline_ms <= now)
        ask_next (p);
      if (p->fd >= 0 && (next < 0 || p->deadline_ms < next))
        next = p->deadline_ms;
    }
  return next < 0 ? -1 : next <= now ? 0 : (int) (next - now);
}

static bool
transfer (int fd, uint8_t *bytes, size_t length, bool out)
{
  for (size_t done = 0; done < length;)
    {
      ssize_t n = out ? write (fd, bytes + done, length - done) : read (fd, bytes + done, length - done);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return false;
      done += (size_t) n;
    }
  return true;
}

/* One message with its length before it. `buffer` has room for the longest. Returns its length, 0 at the end. */
static size_t
receive_message (int fd, uint8_t *buffer)
{
  uint8_t head[2];
  if (!transfer (fd, head, 2, false))
    return 0;
  size_t length = (size_t) (head[0] << 8 | head[1]);
  return transfer (fd, buffer, length, false) ? length : 0;
}

/* In one piece: there are servers that read no more than what comes first. See RFC 7766 section 8. */
static bool
send_message (int fd, uint8_t *message, size_t length)
{
  uint8_t head[2] = { (uint8_t) (length >> 8), (uint8_t) length };
  struct iovec parts[2] = { { .iov_base = head, .iov_len = 2 }, { .iov_base = message, .iov_len = length } };
  ssize_t n;
  do
    n = writev (fd, parts, 2);
  while (n < 0 && errno == EINTR);
  if (n < 2)
    return n == 1 && transfer (fd, head + 1, 1, true) && transfer (fd, message, length, true);
  return transfer (fd, message + (n - 2), length - (size_t) (n - 2), true);
}

/* What a server says to `message`, in its place. Returns the length, 0 if nobody answers. */
static size_t
ask_by_tcp (const struct servers *servers, uint8_t *message, size_t length)
{
  for (unsigned i = 0; i < servers->count; i++)
    {
      const struct sockaddr_storage *server = &servers->address[i];
      struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
      int fd = socket (server->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fd < 0)
        continue;
      setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      size_t answer = 0;
      if (connect (fd, (const struct sockaddr *) server, address_size (server)) == 0
          && send_message (fd, message, length))
        answer = receive_message (fd, message);
      close (fd);
      if (answer > 0)
        return answer;
    }
  return 0;
}

void
dns_serve_tcp (struct responder *r, struct listener *l, int client, const struct sockaddr_storage *from)
{
  static uint8_t message[65536];
  size_t length;
  while ((length = receive_message (client, message)) > 0)
    {
      struct lookup found;
      long answer = dns_answer (r, l, from, message, length, sizeof message - 1, &found);
      if (answer < 0)
        return;
      if (answer == 0)
        answer = (long) ask_by_tcp (&found.servers, message, length);
      if (answer == 0)
        answer = (long) dns_failure (message, length);
      if (!send_message (client, message, (size_t) answer))
        return;
    }
}
