/* Messages of DNS: one question in, and the answer to it where the name is ours. See RFC 1035 section 4. */
#include "dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADER 12
#define TYPE_A 1
#define TYPE_PTR 12
#define TYPE_AAAA 28
#define TYPE_ANY 255
#define CLASS_IN 1
#define RCODE_SERVFAIL 2
#define RCODE_NXDOMAIN 3
/* An address may change whenever a container is started again, and asking costs nothing. */
#define TTL_SECONDS 0

static uint16_t
get16 (const uint8_t *at)
{
  return (uint16_t) (at[0] << 8 | at[1]);
}

static uint8_t *
put16 (uint8_t *at, unsigned value)
{
  at[0] = (uint8_t) (value >> 8);
  at[1] = (uint8_t) value;
  return at + 2;
}

/* The name of the question as text. Returns the offset after it, 0 if there is none. */
static size_t
read_name (const uint8_t *message, size_t length, char name[MAX_NAME])
{
  size_t at = HEADER, out = 0;
  while (at < length && message[at] != 0)
    {
      size_t label = message[at++];
      /* A question has nothing to point at. */
      if (label > 63 || at + label >= length || out + label + 2 > MAX_NAME)
        return 0;
      if (out > 0)
        name[out++] = '.';
      for (size_t i = 0; i < label; i++)
        {
          /* No name of ours has anything else, and so a NUL or a dot cannot make it look like one that it is not. */
          uint8_t c = message[at + i];
          name[out++] = c > ' ' && c < 127 && c != '.' ? (char) c : '?';
        }
      at += label;
    }
  name[out] = 0;
  return at < length ? at + 1 : 0;
}

/* "2.0.86.10.in-addr.arpa" and the like of IPv6. */
static bool
read_reverse (const char *name, struct sockaddr_storage *address)
{
  size_t length = strlen (name);
  char text[64];
  if (length > 13 && strcasecmp (name + length - 13, ".in-addr.arpa") == 0)
    {
      unsigned a, b, c, d;
      int end = 0;
      if (sscanf (name, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &end) != 4 || (size_t) end != length - 13)
        return false;
      snprintf (text, sizeof text, "%u.%u.%u.%u", d, c, b, a);
      return dns_parse_address (text, address);
    }
  if (length == 72 && strcasecmp (name + 63, ".ip6.arpa") == 0)
    {
      size_t out = 0;
      for (int i = 31; i >= 0; i--)
        {
          if (i < 31 && name[2 * i + 1] != '.')
            return false;
          text[out++] = name[2 * i];
          if (i % 4 == 0 && i > 0)
            text[out++] = ':';
        }
      text[out] = 0;
      return dns_parse_address (text, address);
    }
  return false;
}

/* Makes the question into an answer without records. Returns where records go. */
static uint8_t *
begin_answer (uint8_t *message, size_t question_end, unsigned rcode)
{
  /* QR; opcode and RD as asked; AA; RA. */
  message[2] = (uint8_t) (0x80 | (message[2] & 0x79) | 0x04);
  message[3] = (uint8_t) (0x80 | rcode);
  put16 (message + 4, 1);
  memset (message + 6, 0, 6);
  return message + question_end;
}

static uint8_t *
put_record_head (uint8_t *at, unsigned type, size_t length)
{
  /* The name of the question, which is the first after the header. */
  at = put16 (at, 0xc000 | HEADER);
  at = put16 (at, type);
  at = put16 (at, CLASS_IN);
  at = put16 (at, 0);
  at = put16 (at, TTL_SECONDS);
  return put16 (at, (unsigned) length);
}

static long
put_addresses (struct responder *r, uint8_t *message, size_t question_end, size_t limit, unsigned type,
               const struct lookup *found)
{
  uint8_t *at = begin_answer (message, question_end, 0);
  size_t size = type == TYPE_AAAA ? 16 : 4;
  unsigned put = 0;
  r->turn++;
  for (; put < found->count && (size_t) (at - message) + 12 + size <= limit; put++)
    {
      at = put_record_head (at, type, size);
      memcpy (at, found->address[(put + r->turn) % found->count], size);
      at += size;
    }
  put16 (message + 6, put);
  return at - message;
}

static long
put_name (uint8_t *message, size_t question_end, const char *name)
{
  uint8_t *at = begin_answer (message, question_end, 0), wire[MAX_NAME + 2];
  size_t length = 0;
  for (const char *label = name; *label;)
    {
      size_t size = strcspn (label, ".");
      if (size == 0 || size > 63 || length + size + 2 > sizeof wire)
        return begin_answer (message, question_end, RCODE_SERVFAIL) - message;
      wire[length++] = (uint8_t) size;
      memcpy (wire + length, label, size);
      length += size;
      label += size + (label[size] == '.');
    }
  wire[length++] = 0;
  at = put_record_head (at, TYPE_PTR, length);
  memcpy (at, wire, length);
  put16 (message + 6, 1);
  return at + length - message;
}

long
dns_answer (struct responder *r, const struct listener *l, const struct sockaddr_storage *client, uint8_t *message,
            size_t length, size_t limit, struct lookup *found)
{
  char name[MAX_NAME];
  struct sockaddr_storage address;
  memset (found, 0, sizeof *found);
  if (length < HEADER || (message[2] & 0x80))
    return -1;
  size_t end = (message[2] & 0x78) == 0 && get16 (message + 4) == 1 ? read_name (message, length, name) : 0;
  if (end == 0 || end + 4 > length)
    return (long) dns_failure (message, length);
  unsigned type = get16 (message + end), class = get16 (message + end + 2);
  size_t question_end = end + 4;

  if (type == TYPE_PTR && read_reverse (name, &address))
    {
      dns_look_up_address (r, l->network, client, &address, found);
      if (found->known)
        return put_name (message, question_end, found->name);
    }
  else
    dns_look_up (r, l->network, client, name, type == TYPE_AAAA, found);

  if (found->known && class == CLASS_IN)
    {
      /* The name is ours: what we do not have of it nobody has. */
      if (type == TYPE_A || type == TYPE_AAAA)
        return put_addresses (r, message, question_end, limit, type, found);
      if (type == TYPE_ANY)
        return put_addresses (r, message, question_end, limit, TYPE_A, found);
      return begin_answer (message, question_end, 0) - message;
    }
  if (found->closed)
    return begin_answer (message, question_end, RCODE_NXDOMAIN) - message;
  if (found->servers.count == 0)
    return begin_answer (message, question_end, RCODE_SERVFAIL) - message;
  return 0;
}

size_t
dns_failure (uint8_t *message, size_t length)
{
  char name[MAX_NAME];
  size_t end = get16 (message + 4) == 1 ? read_name (message, length, name) : 0;
  if (end == 0 || end + 4 > length)
    {
      begin_answer (message, HEADER, RCODE_SERVFAIL);
      put16 (message + 4, 0);
      return HEADER;
    }
  return (size_t) (begin_answer (message, end + 4, RCODE_SERVFAIL) - message);
}
