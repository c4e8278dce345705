/* What the files of runt-proxy share. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* A socket that something is waited for. */
struct watch
{
  int fd;
  uint32_t events;
  void (*ready) (struct watch *watch);
};

/* One of the sockets that we were given, and where in the container what comes to it goes. */
struct door
{
  struct watch watch;
  struct sockaddr_storage target;
  socklen_t target_size;
};

/* Waits for these events from now on. What waits for none is not in the epoll set, so that a hangup makes no noise. */
void proxy_want (struct watch *watch, uint32_t events);
/* A socket that is on its way to the container, -1 for none. */
int proxy_connect (const struct door *door, int type);

/* proxy_tcp.c, proxy_udp.c: what a door does when somebody comes. */
void proxy_accept (struct watch *door);
void proxy_receive (struct watch *door);
/* Readies a door for datagrams. */
bool proxy_open_datagrams (struct door *door);
/* Forgets clients that have been silent for long. Returns how many ms it may take until the next time, -1 for any. */
int proxy_forget_silent (void);
