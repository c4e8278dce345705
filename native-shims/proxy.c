/* runt-proxy CABLE FROM ADDRESS PORT…: carries what comes to sockets of the host into a container, where the kernel's
 * translation of addresses cannot: to ::1, and from one family to the other.
 *
 * The sockets are fd 3 and following, bound by the engine, one for each ADDRESS and PORT in the container; those of TCP
 * listen already: who comes before we are ready waits. FROM says where, for whoever looks at us. It ends when the link
 * CABLE is gone: the kernel removes that with the container's network namespace, whoever was killed. */
#include "nobody.h"
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define FIRST_FD 3

static int epoll_fd;
static unsigned cable;

void
proxy_want (struct watch *watch, uint32_t events)
{
  if (watch->events == events)
    return;
  struct epoll_event event = { .events = events, .data.ptr = watch };
  int op = watch->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  if (epoll_ctl (epoll_fd, op, watch->fd, &event) == 0)
    watch->events = events;
}

int
proxy_connect (const struct door *door, int type)
{
  int fd = socket (door->target.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect (fd, (const struct sockaddr *) &door->target, door->target_size) == 0 || errno == EINPROGRESS)
    return fd;
  close (fd);
  return -1;
}

/* Something has happened to some link: what, is not worth reading, since some of it may have been lost. */
static void
on_link (struct watch *watch)
{
  char news[8192];
  struct ifreq link = { .ifr_ifindex = (int) cable };
  while (recv (watch->fd, news, sizeof news, MSG_DONTWAIT) >= 0)
    ;
  /* Any socket can be asked. A new one may not be had when many are connected. */
  if (ioctl (watch->fd, SIOCGIFNAME, &link) < 0)
    exit (0);
}

/* First we listen and then we look, so that its end is not missed. */
static void
watch_cable (const char *name)
{
  static struct watch watch = { .ready = on_link };
  struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
  watch.fd = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (watch.fd < 0 || bind (watch.fd, (struct sockaddr *) &address, sizeof address) < 0)
    die ("rtnetlink");
  cable = if_nametoindex (name);
  if (cable == 0)
    die ("%s", name);
  proxy_want (&watch, EPOLLIN);
}

static void
open_door (struct door *door, int fd, const char *address, const char *port)
{
  struct sockaddr_in *ipv4 = (struct sockaddr_in *) &door->target;
  struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *) &door->target;
  int type;
  socklen_t size = sizeof type;
  /* The port is in the same place for both families. */
  ipv4->sin_port = htons ((uint16_t) atoi (port));
  if (inet_pton (AF_INET, address, &ipv4->sin_addr) == 1)
    {
      ipv4->sin_family = AF_INET;
      door->target_size = sizeof *ipv4;
    }
  else if (inet_pton (AF_INET6, address, &ipv6->sin6_addr) == 1)
    {
      ipv6->sin6_family = AF_INET6;
      door->target_size = sizeof *ipv6;
    }
  else
    {
      errno = EINVAL;
      die ("%s", address);
    }
  if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || fcntl (fd, F_SETFL, O_NONBLOCK) < 0)
    die ("socket");
  door->watch.fd = fd;
  door->watch.ready = type == SOCK_STREAM ? proxy_accept : proxy_receive;
  if (type == SOCK_STREAM ? listen (fd, SOMAXCONN) < 0 : !proxy_open_datagrams (door))
    die ("socket");
  proxy_want (&door->watch, EPOLLIN);
}

int
main (int argc, char **argv)
{
  if (argc < 5 || argc % 3 != 2)
    {
      fputs ("usage: runt-proxy CABLE FROM ADDRESS PORT...\n", stderr);
      return 1;
    }
  int count = (argc - 2) / 3;
  sigset_t none;
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  struct rlimit files;
  if (getrlimit (RLIMIT_NOFILE, &files) == 0)
    {
      files.rlim_cur = files.rlim_max;
      setrlimit (RLIMIT_NOFILE, &files);
    }
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  struct door *doors = calloc ((size_t) count, sizeof *doors);
  if (epoll_fd < 0 || !doors || chdir ("/") < 0)
    die ("start");
  watch_cable (argv[1]);
  for (int i = 0; i < count; i++)
    open_door (&doors[i], FIRST_FD + i, argv[3 + 3 * i], argv[4 + 3 * i]);
  /* Whoever gets the better of us has our sockets, and that is all. */
  drop_privileges (true, 0);
  for (;;)
    {
      /* One at a time: what is done for it may be the end of others. */
      struct epoll_event event;
      int timeout = proxy_forget_silent ();
      if (epoll_wait (epoll_fd, &event, 1, timeout) == 1)
        {
          struct watch *watch = event.data.ptr;
          watch->ready (watch);
        }
    }
}
