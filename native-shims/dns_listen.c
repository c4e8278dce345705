/* The sockets: for every "listen" line of the files one for UDP and one for TCP. */
#include "dns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DNS_PORT 53
/* Free for UDP and not for TCP is rare. */
#define PORT_TRIES 16

static void
set_port (struct sockaddr_storage *address, uint16_t port)
{
  /* In the same place for both families. */
  ((struct sockaddr_in *) address)->sin_port = htons (port);
}

static int
bound_socket (const struct sockaddr_storage *address, int type)
{
  int one = 1;
  int fd = socket (address->ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -1;
  /* With UDP somebody else could take the port with it. */
  if (type == SOCK_STREAM)
    setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  /* Whether the bridge has its address yet makes no difference. */
  setsockopt (fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof one);
  if (address->ss_family == AF_INET6)
    {
      setsockopt (fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof one);
      setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    }
  if (bind (fd, (const struct sockaddr *) address, address_size (address)) == 0
      && (type != SOCK_STREAM || listen (fd, 16) == 0))
    return fd;
  int error = errno;
  close (fd);
  errno = error;
  return -1;
}

/* Both sockets on one port; 0 for any. Returns the port, 0 if it cannot be had. */
static uint16_t
listen_on (struct listener *l, uint16_t port)
{
  set_port (&l->address, port);
  l->udp = bound_socket (&l->address, SOCK_DGRAM);
  if (l->udp < 0)
    return 0;
  struct sockaddr_storage bound;
  socklen_t size = sizeof bound;
  getsockname (l->udp, (struct sockaddr *) &bound, &size);
  port = ntohs (((struct sockaddr_in *) &bound)->sin_port);
  set_port (&l->address, port);
  l->tcp = bound_socket (&l->address, SOCK_STREAM);
  if (l->tcp >= 0)
    return port;
  int error = errno;
  close (l->udp);
  errno = error;
  return 0;
}

static void
close_listener (struct responder *r, struct listener *l)
{
  for (unsigned i = 0; i < MAX_PENDING; i++)
    if (r->pending[i].fd >= 0 && r->pending[i].udp == l->udp)
      {
        close (r->pending[i].fd);
        r->pending[i].fd = -1;
      }
  close (l->udp);
  close (l->tcp);
}

static void
write_port (struct responder *r, const char *network, uint16_t port)
{
  char name[MAX_NETWORK + 16], temporary[MAX_NETWORK + 16], text[16];
  snprintf (name, sizeof name, "%s.port", network);
  snprintf (temporary, sizeof temporary, ".%s.new", network);
  int fd = openat (r->ports, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return;
  int length = snprintf (text, sizeof text, "%u\n", port);
  if (write (fd, text, (size_t) length) == length)
    renameat (r->ports, temporary, r->ports, name);
  close (fd);
}

static void
forget_port (struct responder *r, const char *network)
{
  char name[MAX_NETWORK + 16];
  snprintf (name, sizeof name, "%s.port", network);
  unlinkat (r->ports, name, 0);
}

static bool
same_listener (const struct listener *l, const char *network, const struct sockaddr_storage *address)
{
  struct sockaddr_storage other = *address;
  set_port (&other, ntohs (((const struct sockaddr_in *) &l->address)->sin_port));
  return strcmp (l->network, network) == 0 && memcmp (&l->address, &other, sizeof other) == 0;
}

/* Listens on all `addresses` of a network that is new, on one and the same port: the usual one, or if another program of
 * the host has that, any that is free. */
static void
add_network (struct responder *r, const char *network, const struct sockaddr_storage *addresses, unsigned count)
{
  struct listener *first = &r->listener[r->listeners];
  for (int attempt = 0; attempt <= PORT_TRIES && r->listeners + count <= MAX_LISTENERS; attempt++)
    {
      uint16_t port = attempt == 0 ? DNS_PORT : 0;
      unsigned done = 0;
      for (; done < count; done++)
        {
          struct listener *l = &first[done];
          *l = (struct listener) { .address = addresses[done], .wanted = true };
          strncpy (l->network, network, sizeof l->network - 1);
          port = listen_on (l, port);
          if (port == 0)
            break;
        }
      if (done == count)
        {
          r->listeners += count;
          write_port (r, network, port);
          return;
        }
      r->failed = errno;
      while (done-- > 0)
        close_listener (r, &first[done]);
    }
}

static void
scan_network (struct responder *r, const char *network)
{
  struct sockaddr_storage addresses[8];
  unsigned count = 0, there = 0;
  char *text = dns_read_members (r, network, r->file), *line;
  while (count < 8 && (line = dns_line (&text)) && strncmp (line, "listen ", 7) == 0)
    if (dns_parse_address (line + 7, &addresses[count]))
      {
        for (unsigned i = 0; i < r->listeners; i++)
          if (same_listener (&r->listener[i], network, &addresses[count]))
            {
              r->listener[i].wanted = true;
              there++;
            }
        count++;
      }
  if (count > 0 && there == 0)
    add_network (r, network, addresses, count);
}

void
dns_scan (struct responder *r)
{
  int copy = openat (r->members, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = copy < 0 ? NULL : fdopendir (copy);
  struct dirent *entry;
  if (!directory)
    return;
  for (unsigned i = 0; i < r->listeners; i++)
    r->listener[i].wanted = false;
  while ((entry = readdir (directory)))
    if (entry->d_name[0] != '.' && strlen (entry->d_name) < MAX_NETWORK)
      scan_network (r, entry->d_name);
  closedir (directory);
  unsigned kept = 0;
  for (unsigned i = 0; i < r->listeners; i++)
    if (r->listener[i].wanted)
      r->listener[kept++] = r->listener[i];
    else
      {
        forget_port (r, r->listener[i].network);
        close_listener (r, &r->listener[i]);
      }
  r->listeners = kept;
}
