/* Traffic for the tests of networks: servers that say who asked, and clients that say what they got.
 *
 *   traffic serve tcp|udp ADDRESS PORT NAME   says "ready", then answers every client "NAME CLIENT-ADDRESS"
 *   traffic ask tcp|udp HOST PORT             prints the answer; status 1 and errno's text if none comes in
 *                                             $PATIENCE_MS, or ten seconds
 *   traffic resolve HOST                      prints the addresses of a name, sorted, one a line
 *   traffic dns ADDRESS PORT IPV4             a name server that knows every name, by the address IPV4
 *   traffic send tcp|udp LOCAL LPORT HOST PORT  as ask, from a local address and port
 *   traffic repeat ADDRESS PORT               says "ready", then hears every client of TCP to its end and says it again
 *   traffic pour HOST PORT BYTES              says so much, then its end, and prints whether it comes back, and then the end
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int
patience_ms (void)
{
  const char *said = getenv ("PATIENCE_MS");
  return said ? atoi (said) : 10000;
}

static void
die (const char *what)
{
  printf ("%s: %s\n", what, strerror (errno));
  exit (1);
}

static struct addrinfo *
look_up (const char *host, const char *port, int type, int flags)
{
  struct addrinfo hints = { .ai_socktype = type, .ai_flags = flags }, *found;
  int error = getaddrinfo (host, port, &hints, &found);
  if (error)
    {
      printf ("%s: %s\n", host, gai_strerror (error));
      exit (1);
    }
  return found;
}

static int
open_socket (const char *host, const char *port, int type)
{
  int one = 1;
  struct addrinfo *a = look_up (host, port, type, AI_NUMERICHOST | AI_PASSIVE);
  int fd = socket (a->ai_family, type, 0);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (a->ai_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (bind (fd, a->ai_addr, a->ai_addrlen) < 0)
    die ("bind");
  return fd;
}

static void
name_of (const struct sockaddr *address, socklen_t size, char *text, size_t room)
{
  getnameinfo (address, size, text, (socklen_t) room, NULL, 0, NI_NUMERICHOST);
}

static void
serve (int type, const char *host, const char *port, const char *name)
{
  int fd = open_socket (host, port, type);
  if (type == SOCK_STREAM && listen (fd, 64) < 0)
    die ("listen");
  puts ("ready");
  fflush (stdout);
  for (;;)
    {
      struct sockaddr_storage from;
      socklen_t size = sizeof from;
      char text[512], peer[128];
      int client = -1;
      if (type == SOCK_STREAM)
        client = accept (fd, (struct sockaddr *) &from, &size);
      else if (recvfrom (fd, text, sizeof text, 0, (struct sockaddr *) &from, &size) < 0)
        continue;
      if (type == SOCK_STREAM && client < 0)
        continue;
      name_of ((struct sockaddr *) &from, size, peer, sizeof peer);
      int length = snprintf (text, sizeof text, "%s %s\n", name, peer);
      if (type == SOCK_STREAM)
        {
          if (write (client, text, (size_t) length) < 0)
            perror ("write");
          close (client);
        }
      else
        sendto (fd, text, (size_t) length, 0, (struct sockaddr *) &from, size);
    }
}

static int
ask (int type, const char *local, const char *local_port, const char *host, const char *port)
{
  struct addrinfo *a = look_up (host, port, type, 0);
  int fd = local ? open_socket (local, local_port, type) : socket (a->ai_family, type | SOCK_NONBLOCK, 0);
  struct pollfd p = { .fd = fd, .events = POLLOUT };
  if (connect (fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
    die ("connect");
  if (type == SOCK_STREAM)
    {
      int error = ETIMEDOUT;
      socklen_t size = sizeof error;
      if (poll (&p, 1, patience_ms ()) > 0)
        getsockopt (fd, SOL_SOCKET, SO_ERROR, &error, &size);
      errno = error;
      if (error)
        die ("connect");
    }
  else if (send (fd, "?", 1, 0) < 0)
    die ("send");
  char text[512];
  p.events = POLLIN;
  if (poll (&p, 1, patience_ms ()) <= 0)
    {
      errno = ETIMEDOUT;
      die ("answer");
    }
  ssize_t n = read (fd, text, sizeof text);
  if (n < 0)
    die ("answer");
  return fwrite (text, 1, (size_t) n, stdout) == (size_t) n ? 0 : 1;
}

static char *poured;

/* As much as comes until the end, or `room` bytes. */
static size_t
read_all (int fd, size_t room)
{
  size_t length = 0;
  ssize_t n;
  while (length < room && (n = read (fd, poured + length, room - length)) > 0)
    length += (size_t) n;
  return length;
}

static bool
write_all (int fd, const char *bytes, size_t length)
{
  for (size_t done = 0; done < length;)
    {
      ssize_t n = write (fd, bytes + done, length - done);
      if (n < 0)
        return false;
      done += (size_t) n;
    }
  return true;
}

#define MOST_POURED (16u << 20)

static void
repeat (const char *host, const char *port)
{
  int fd = open_socket (host, port, SOCK_STREAM);
  poured = malloc (MOST_POURED);
  if (!poured || listen (fd, 64) < 0)
    die ("listen");
  puts ("ready");
  fflush (stdout);
  for (;;)
    {
      int client = accept (fd, NULL, NULL);
      if (client < 0)
        continue;
      write_all (client, poured, read_all (client, MOST_POURED));
      close (client);
    }
}

static int
pour (const char *host, const char *port, size_t length)
{
  struct addrinfo *a = look_up (host, port, SOCK_STREAM, 0);
  int fd = socket (a->ai_family, SOCK_STREAM, 0);
  char *sent = malloc (MOST_POURED);
  poured = malloc (MOST_POURED);
  if (!sent || !poured || length >= MOST_POURED)
    return 1;
  for (size_t i = 0; i < length; i++)
    sent[i] = (char) (i * 2654435761u >> 13);
  if (connect (fd, a->ai_addr, a->ai_addrlen) < 0)
    die ("connect");
  if (!write_all (fd, sent, length) || shutdown (fd, SHUT_WR) < 0)
    die ("write");
  size_t heard = read_all (fd, MOST_POURED);
  printf ("%zu %s\n", heard, heard == length && memcmp (sent, poured, length) == 0 ? "same" : "other");
  return 0;
}

static int
by_text (const void *a, const void *b)
{
  return strcmp (a, b);
}

static int
resolve (const char *host)
{
  char texts[64][64];
  size_t count = 0;
  for (struct addrinfo *a = look_up (host, NULL, SOCK_STREAM, 0); a && count < 64; a = a->ai_next)
    name_of (a->ai_addr, a->ai_addrlen, texts[count++], sizeof texts[0]);
  qsort (texts, count, sizeof texts[0], by_text);
  for (size_t i = 0; i < count; i++)
    puts (texts[i]);
  return 0;
}

static size_t
dns_answer (unsigned char *m, size_t n, const char *ipv4)
{
  size_t end = 12;
  while (end < n && m[end])
    end += m[end] + 1u;
  unsigned type = (unsigned) m[end + 1] << 8 | m[end + 2];
  end += 5;
  m[2] |= 0x80;
  m[3] = 0x80;
  memset (m + 6, 0, 6);
  if (type != 1)
    return end;
  m[7] = 1;
  static const unsigned char record[12] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4 };
  memcpy (m + end, record, sizeof record);
  inet_pton (AF_INET, ipv4, m + end + 12);
  return end + 16;
}

static void
dns (const char *host, const char *port, const char *ipv4)
{
  int udp = open_socket (host, port, SOCK_DGRAM), tcp = open_socket (host, port, SOCK_STREAM);
  listen (tcp, 16);
  puts ("ready");
  fflush (stdout);
  struct pollfd p[2] = { { .fd = udp, .events = POLLIN }, { .fd = tcp, .events = POLLIN } };
  for (;;)
    {
      unsigned char m[1024] = { 0 };
      struct sockaddr_storage from;
      socklen_t size = sizeof from;
      poll (p, 2, -1);
      if (p[0].revents)
        {
          ssize_t n = recvfrom (udp, m, 512, 0, (struct sockaddr *) &from, &size);
          if (n > 12)
            sendto (udp, m, dns_answer (m, (size_t) n, ipv4), 0, (struct sockaddr *) &from, size);
        }
      if (p[1].revents)
        {
          int client = accept (tcp, NULL, NULL);
          ssize_t n = read (client, m, 512);
          if (n > 14)
            {
              size_t length = dns_answer (m + 2, (size_t) n - 2, ipv4);
              m[0] = (unsigned char) (length >> 8);
              m[1] = (unsigned char) length;
              if (write (client, m, length + 2) < 0)
                perror ("write");
            }
          close (client);
        }
    }
}

int
main (int argc, char **argv)
{
  signal (SIGPIPE, SIG_IGN);
  const char *verb = argc > 1 ? argv[1] : "";
  int type = argc > 2 && strcmp (argv[2], "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM;
  if (strcmp (verb, "serve") == 0 && argc == 6)
    serve (type, argv[3], argv[4], argv[5]);
  if (strcmp (verb, "ask") == 0 && argc == 5)
    return ask (type, NULL, NULL, argv[3], argv[4]);
  if (strcmp (verb, "send") == 0 && argc == 7)
    return ask (type, argv[3], argv[4], argv[5], argv[6]);
  if (strcmp (verb, "repeat") == 0 && argc == 4)
    repeat (argv[2], argv[3]);
  if (strcmp (verb, "pour") == 0 && argc == 5)
    return pour (argv[2], argv[3], strtoul (argv[4], NULL, 10));
  if (strcmp (verb, "resolve") == 0 && argc == 3)
    return resolve (argv[2]);
  if (strcmp (verb, "dns") == 0 && argc == 5)
    dns (argv[2], argv[3], argv[4]);
  fputs ("usage: see the source\n", stderr);
  return 2;
}
