/* What the files of runt-dns share. One process, one state, passed by pointer. */
#pragma once
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define MAX_LISTENERS 256
/* Questions that other servers have been asked and have not answered. */
#define MAX_PENDING 128
#define MAX_SERVERS 4
#define MAX_NETWORK 160
/* Longest name on the wire as text, with its NUL. */
#define MAX_NAME 256
#define MAX_MESSAGE 4096
/* Of a file of members; a member takes 150 bytes. */
#define MAX_FILE (4u << 20)

/* One address of the host in a network's subnet. */
struct listener
{
  char network[MAX_NETWORK];
  struct sockaddr_storage address;
  int udp, tcp;
  bool wanted;
};

/* Whom to ask for a name that is not ours, in turn. */
struct servers
{
  unsigned count;
  struct sockaddr_storage address[MAX_SERVERS];
};

struct pending
{
  int fd;
  /* Where the question came in: it is answered from there. */
  int udp;
  struct sockaddr_storage client;
  struct servers servers;
  unsigned tried;
  int64_t deadline_ms;
  size_t length;
  uint8_t *question;
};

struct responder
{
  int members, ports, engine_lock, own_lock, inotify;
  unsigned children;
  unsigned listeners;
  struct listener listener[MAX_LISTENERS];
  struct pending pending[MAX_PENDING];
  /* Apart from them, so that of pages that were never needed none is there. */
  uint8_t question[MAX_PENDING][MAX_MESSAGE];
  /* Which of several addresses of a name comes first. */
  unsigned turn;
  /* errno of the last socket that could not be had. */
  int failed;
  char file[MAX_FILE], other_file[MAX_FILE];
};

/* dns_listen.c: the sockets that the files ask for, no more and no less. */
void dns_scan (struct responder *r);

/* dns_members.c: the files. */
#define MAX_ADDRESSES 64
struct lookup
{
  /* The name is one of ours, whether or not it has an address of the family. */
  bool known;
  /* Nobody else is to be asked. */
  bool closed;
  unsigned count;
  uint8_t address[MAX_ADDRESSES][16];
  struct servers servers;
  /* For an address: the first of the names it has. */
  char name[MAX_NAME];
};
char *dns_read_members (struct responder *r, const char *network, char *buffer);
/* The next line of `text`, cut off; NULL at the end. */
char *dns_line (char **text);
/* The next word of a line; "" at the end. */
char *dns_word (char **line);
bool dns_parse_address (const char *text, struct sockaddr_storage *address);
void dns_look_up (struct responder *r, const char *network, const struct sockaddr_storage *client, const char *name,
                  bool ipv6, struct lookup *found);
void dns_look_up_address (struct responder *r, const char *network, const struct sockaddr_storage *client,
                          const struct sockaddr_storage *address, struct lookup *found);

/* dns_message.c: what is on the wire. */
/* Answers `message` in place if it can. Returns the length of the answer; 0 if others are to be asked, whom `found`
 * names; −1 if it is no question. `limit` is the longest answer. */
long dns_answer (struct responder *r, const struct listener *l, const struct sockaddr_storage *client, uint8_t *message,
                 size_t length, size_t limit, struct lookup *found);
/* The answer "server failure" to `message`, in place. */
size_t dns_failure (uint8_t *message, size_t length);

/* dns_forward.c: asking others, and passing on what they say. */
void dns_answer_udp (struct responder *r, unsigned listener);
void dns_pass_on (struct responder *r, unsigned pending);
/* Asks the next server for what took too long. Returns milliseconds until the next is due; −1 for never. */
int dns_expire (struct responder *r);
void dns_serve_tcp (struct responder *r, struct listener *l, int client, const struct sockaddr_storage *from);

static inline socklen_t
address_size (const struct sockaddr_storage *address)
{
  return address->ss_family == AF_INET ? sizeof (struct sockaddr_in) : sizeof (struct sockaddr_in6);
}
