/* Datagrams: a client has a socket of its own to the container for as long as it has something to say or to hear. */
#include "proxy.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* As docker's. */
#define SILENT_S 90
#define SWEEP_MS 10000
/* Above it the client that has said nothing for longest is forgotten. */
#define MAX_CLIENTS 1024

struct client
{
  struct watch watch;
  struct client *next;
  struct door *door;
  time_t heard;
  struct sockaddr_storage address;
  socklen_t address_size;
  /* Which of the host's addresses it came to: answers have to come from there. */
  socklen_t control_size;
  _Alignas (struct cmsghdr) char control[CMSG_SPACE (sizeof (struct in6_pktinfo))];
};

/* Who spoke last comes first. */
static struct client *clients;
static unsigned client_count;
static char datagram[65536];

static time_t
now_s (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

static void
forget (struct client **place)
{
  struct client *c = *place;
  *place = c->next;
  client_count--;
  close (c->watch.fd);
  free (c);
}

static void
forget_last (void)
{
  struct client **place = &clients;
  while (*place && (*place)->next)
    place = &(*place)->next;
  if (*place)
    forget (place);
}

int
proxy_forget_silent (void)
{
  static time_t last;
  time_t now = now_s ();
  if (!clients)
    return -1;
  if (now - last >= SWEEP_MS / 1000)
    {
      last = now;
      for (struct client **place = &clients; *place;)
        if (now - (*place)->heard >= SILENT_S)
          forget (place);
        else
          place = &(*place)->next;
    }
  return SWEEP_MS;
}

bool
proxy_open_datagrams (struct door *door)
{
  int one = 1, fd = door->watch.fd;
  /* One of them, by family. */
  return setsockopt (fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one) == 0
         || setsockopt (fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one) == 0;
}

static void
on_answer (struct watch *watch)
{
  struct client *c = (struct client *) watch;
  ssize_t n = recv (watch->fd, datagram, sizeof datagram, 0);
  /* Nobody listens there: the client's business, who is used to datagrams that are lost. */
  if (n < 0)
    return;
  c->heard = now_s ();
  struct iovec bytes = { .iov_base = datagram, .iov_len = (size_t) n };
  struct msghdr message = { .msg_name = &c->address,
                            .msg_namelen = c->address_size,
                            .msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = c->control,
                            .msg_controllen = c->control_size };
  sendmsg (c->door->watch.fd, &message, 0);
}

/* The way back is what the routes say, not the link that it came by. */
static void
forget_link (struct msghdr *message)
{
  struct cmsghdr *header = CMSG_FIRSTHDR (message);
  if (!header)
    return;
  if (header->cmsg_level == IPPROTO_IPV6)
    ((struct in6_pktinfo *) CMSG_DATA (header))->ipi6_ifindex = 0;
  else
    ((struct in_pktinfo *) CMSG_DATA (header))->ipi_ifindex = 0;
}

static bool
is_same (const struct client *a, const struct client *b)
{
  return a->door == b->door && memcmp (&a->address, &b->address, sizeof a->address) == 0
         && a->control_size == b->control_size && memcmp (a->control, b->control, a->control_size) == 0;
}

/* The one that is known already, or a new one; it is the first then. */
static struct client *
find (const struct client *asking)
{
  struct client **place = &clients, *c;
  while (*place && !is_same (*place, asking))
    place = &(*place)->next;
  c = *place;
  if (c)
    *place = c->next;
  else
    {
      if (client_count >= MAX_CLIENTS)
        forget_last ();
      int fd = proxy_connect (asking->door, SOCK_DGRAM);
      c = fd < 0 ? NULL : malloc (sizeof *c);
      if (!c)
        {
          if (fd >= 0)
            close (fd);
          return NULL;
        }
      *c = *asking;
      c->watch = (struct watch) { .fd = fd, .ready = on_answer };
      proxy_want (&c->watch, EPOLLIN);
      client_count++;
    }
  c->next = clients;
  return clients = c;
}

void
proxy_receive (struct watch *watch)
{
  struct client asking = { .door = (struct door *) watch };
  struct iovec bytes = { .iov_base = datagram, .iov_len = sizeof datagram };
  struct msghdr message = { .msg_name = &asking.address,
                            .msg_namelen = sizeof asking.address,
                            .msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = asking.control,
                            .msg_controllen = sizeof asking.control };
  ssize_t n = recvmsg (watch->fd, &message, 0);
  if (n < 0)
    return;
  forget_link (&message);
  asking.address_size = message.msg_namelen;
  asking.control_size = (socklen_t) message.msg_controllen;
  struct client *c = find (&asking);
  if (!c)
    return;
  c->heard = now_s ();
  send (c->watch.fd, datagram, (size_t) n, MSG_NOSIGNAL);
}
