/* Connections: what one side says goes to the other, its end too. */
#include "proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* What one side has said and the other has not got yet. */
struct half
{
  size_t start, end;
  /* Nothing more will come, and the other knows it. */
  bool ended, passed;
  char bytes[16384];
};

/* The client and the container; `half` is what comes from that side. */
struct connection
{
  struct side
  {
    struct watch watch;
    struct connection *connection;
  } side[2];
  bool connected;
  struct half half[2];
};

static void
close_connection (struct connection *c, bool is_broken)
{
  for (int i = 0; i < 2; i++)
    {
      /* What was cut off must not look as if it had come to its end. */
      struct linger reset = { .l_onoff = is_broken };
      setsockopt (c->side[i].watch.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      close (c->side[i].watch.fd);
    }
  free (c);
}

static bool
is_passing (int error)
{
  return error == EAGAIN || error == EINTR;
}

/* Moves what can be moved now. Returns whether the connection is whole. */
static bool
move (struct half *h, int from, int to)
{
  if (h->start == h->end && !h->ended)
    {
      ssize_t n = recv (from, h->bytes, sizeof h->bytes, 0);
      if (n < 0 && !is_passing (errno))
        return false;
      h->start = 0;
      h->end = n > 0 ? (size_t) n : 0;
      h->ended = n == 0;
    }
  if (h->start < h->end)
    {
      ssize_t n = send (to, h->bytes + h->start, h->end - h->start, MSG_NOSIGNAL);
      if (n < 0 && !is_passing (errno))
        return false;
      h->start += n > 0 ? (size_t) n : 0;
    }
  if (h->ended && h->start == h->end && !h->passed)
    {
      shutdown (to, SHUT_WR);
      h->passed = true;
    }
  return true;
}

static void
go_on (struct watch *watch)
{
  struct connection *c = ((struct side *) watch)->connection;
  int error = 0;
  socklen_t size = sizeof error;
  /* Until then only the container is waited for. */
  if (!c->connected)
    getsockopt (watch->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  c->connected = true;
  for (int i = 0; i < 2; i++)
    if (error || !move (&c->half[i], c->side[i].watch.fd, c->side[!i].watch.fd))
      return close_connection (c, true);
  if (c->half[0].passed && c->half[1].passed)
    return close_connection (c, false);
  for (int i = 0; i < 2; i++)
    {
      const struct half *in = &c->half[i], *out = &c->half[!i];
      uint32_t room = in->start == in->end && !in->ended ? EPOLLIN : 0;
      proxy_want (&c->side[i].watch, room | (out->start < out->end ? EPOLLOUT : 0u));
    }
}

void
proxy_accept (struct watch *watch)
{
  int client = accept4 (watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0)
    {
      /* Without this it would go round and round until somebody else closes a file. */
      struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
      if (!is_passing (errno) && errno != ECONNABORTED)
        nanosleep (&moment, NULL);
      return;
    }
  struct connection *c = malloc (sizeof *c);
  int target = c ? proxy_connect ((struct door *) watch, SOCK_STREAM) : -1;
  if (target < 0)
    {
      close (client);
      free (c);
      return;
    }
  c->connected = false;
  for (int i = 0; i < 2; i++)
    {
      int one = 1, fd = i == 0 ? client : target;
      /* Nothing waits here for more to come; and a peer that is gone without a word is found out. */
      setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
      c->side[i] = (struct side) { .watch = { .fd = fd, .ready = go_on }, .connection = c };
      /* Member by member: the bytes need not be touched. */
      c->half[i].start = c->half[i].end = 0;
      c->half[i].ended = c->half[i].passed = false;
    }
  proxy_want (&c->side[1].watch, EPOLLOUT);
}
