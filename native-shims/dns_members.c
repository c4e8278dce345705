/* The files of members: who is on a network, under which names, and whom to ask for others. */
#include "dns.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DNS_PORT 53

char *
dns_read_members (struct responder *r, const char *network, char *buffer)
{
  int fd = openat (r->members, network, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return NULL;
  size_t length = 0;
  for (;;)
    {
      ssize_t n = read (fd, buffer + length, MAX_FILE - 1 - length);
      if (n <= 0)
        break;
      length += (size_t) n;
    }
  close (fd);
  buffer[length] = 0;
  return buffer;
}

char *
dns_line (char **text)
{
  char *line = *text;
  if (!line || !*line)
    return NULL;
  char *end = strchr (line, '\n');
  if (end)
    *end++ = 0;
  *text = end;
  return line;
}

static char *
cut (char **text, char separator)
{
  char *word = *text ? *text : (char *) "";
  char *end = strchr (word, separator);
  if (end)
    *end++ = 0;
  *text = end;
  return word;
}

char *
dns_word (char **line)
{
  return cut (line, ' ');
}

bool
dns_parse_address (const char *text, struct sockaddr_storage *address)
{
  memset (address, 0, sizeof *address);
  struct sockaddr_in *v4 = (struct sockaddr_in *) address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) address;
  if (inet_pton (AF_INET, text, &v4->sin_addr) == 1)
    {
      v4->sin_family = AF_INET;
      v4->sin_port = htons (DNS_PORT);
      return true;
    }
  if (inet_pton (AF_INET6, text, &v6->sin6_addr) == 1)
    {
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons (DNS_PORT);
      return true;
    }
  return false;
}

static bool
same_host (const struct sockaddr_storage *a, const char *text)
{
  struct sockaddr_storage b;
  if (!dns_parse_address (text, &b) || a->ss_family != b.ss_family)
    return false;
  if (a->ss_family == AF_INET)
    return memcmp (&((const struct sockaddr_in *) a)->sin_addr, &((struct sockaddr_in *) &b)->sin_addr, 4) == 0;
  return memcmp (&((const struct sockaddr_in6 *) a)->sin6_addr, &((struct sockaddr_in6 *) &b)->sin6_addr, 16) == 0;
}

/* One line of a file. */
struct member
{
  char *id, *ipv4, *ipv6, *names, *servers;
};

static bool
parse_member (char *line, struct member *m)
{
  if (strcmp (dns_word (&line), "member") != 0)
    return false;
  m->id = dns_word (&line);
  m->ipv4 = dns_word (&line);
  m->ipv6 = dns_word (&line);
  m->names = dns_word (&line);
  m->servers = dns_word (&line);
  return true;
}

static void
add_server (struct servers *servers, const char *text)
{
  if (servers->count < MAX_SERVERS && dns_parse_address (text, &servers->address[servers->count]))
    servers->count++;
}

/* Those of the machine. It is in the namespace of the host that we ask them, so one that listens on loopback will do. */
static void
add_host_servers (struct servers *servers)
{
  char text[4096], *rest = text, *line;
  int fd = open ("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read (fd, text, sizeof text - 1);
  if (fd >= 0)
    close (fd);
  if (n <= 0)
    return;
  text[n] = 0;
  while ((line = dns_line (&rest)))
    {
      for (char *c = line; *c; c++)
        if (*c == '\t' || *c == '\r')
          *c = ' ';
      if (strcmp (dns_word (&line), "nameserver") != 0)
        continue;
      char *word;
      do
        word = dns_word (&line);
      while (*word == 0 && line);
      add_server (servers, word);
    }
}

static void
add_address (struct lookup *found, const char *text, bool ipv6)
{
  if (found->count < MAX_ADDRESSES && inet_pton (ipv6 ? AF_INET6 : AF_INET, text, found->address[found->count]) == 1)
    found->count++;
}

/* Takes what a network's members say: whom to ask for `client`, and, unless NULL, who has `name` or `address`. Writes
 * the client's id. */
static void
search (char *text, const struct sockaddr_storage *client, const char *name, const struct sockaddr_storage *address,
        bool ipv6, struct lookup *found, char id[MAX_NAME])
{
  char *line;
  struct servers own = { 0 };
  while ((line = dns_line (&text)))
    {
      struct member m;
      if (strncmp (line, "upstream ", 9) == 0)
        {
          if (strcmp (line + 9, "none") == 0)
            found->closed = true;
          else
            add_server (&found->servers, line + 9);
          continue;
        }
      if (!parse_member (line, &m))
        continue;
      if (client && (same_host (client, m.ipv4) || same_host (client, m.ipv6)))
        {
          strncpy (id, m.id, MAX_NAME - 1);
          while (m.servers && strcmp (m.servers, "-") != 0)
            add_server (&own, cut (&m.servers, ','));
        }
      if (address && (same_host (address, m.ipv4) || same_host (address, m.ipv6)))
        {
          found->known = true;
          strncpy (found->name, cut (&m.names, ','), MAX_NAME - 1);
        }
      while (name && m.names && *m.names)
        if (strcasecmp (cut (&m.names, ','), name) == 0)
          {
            found->known = true;
            add_address (found, ipv6 ? m.ipv6 : m.ipv4, ipv6);
            break;
          }
    }
  if (own.count > 0)
    found->servers = own;
}

/* Whether a container is on the network that `text` is of. `text` stays as it is. */
static bool
has_member (const char *text, const char *id)
{
  size_t length = strlen (id);
  for (const char *at = text; (at = strstr (at, "member ")); at += 7)
    if ((at == text || at[-1] == '\n') && strncmp (at + 7, id, length) == 0 && at[7 + length] == ' ')
      return true;
  return false;
}

static void
look_up (struct responder *r, const char *network, const struct sockaddr_storage *client, const char *name,
         const struct sockaddr_storage *address, bool ipv6, struct lookup *found)
{
  char id[MAX_NAME] = "";
  memset (found, 0, sizeof *found);
  char *text = dns_read_members (r, network, r->file);
  if (text)
    search (text, client, name, address, ipv6, found, id);
  if (!found->closed && found->servers.count == 0)
    add_host_servers (&found->servers);
  if (found->known || !*id)
    return;

  /* Its other networks. */
  int copy = openat (r->members, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = copy < 0 ? NULL : fdopendir (copy);
  struct dirent *entry;
  while (directory && !found->known && (entry = readdir (directory)))
    {
      struct lookup other = { 0 };
      char unused[MAX_NAME];
      if (entry->d_name[0] == '.' || strcmp (entry->d_name, network) == 0)
        continue;
      text = dns_read_members (r, entry->d_name, r->other_file);
      if (!text || strncmp (text, "listen ", 7) != 0 || !has_member (text, id))
        continue;
      search (text, NULL, name, address, ipv6, &other, unused);
      if (!other.known)
        continue;
      other.servers = found->servers;
      other.closed = found->closed;
      *found = other;
    }
  if (directory)
    closedir (directory);
}

void
dns_look_up (struct responder *r, const char *network, const struct sockaddr_storage *client, const char *name,
             bool ipv6, struct lookup *found)
{
  look_up (r, network, client, name, NULL, ipv6, found);
}

void
dns_look_up_address (struct responder *r, const char *network, const struct sockaddr_storage *client,
                     const struct sockaddr_storage *address, struct lookup *found)
{
  look_up (r, network, client, NULL, address, false, found);
}
