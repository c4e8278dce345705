/* Clients: frames in, frames out. What one cannot take at once is the kernel's to keep, and no more than that. */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <termios.h>

#include "monitor.h"

/* What a client may send, and how long each is; -1 is any length. */
static const int32_t sizes[FRAME_COUNT] = {
#define X(name, size) size,
  FRAMES (X)
#undef X
};

static uint32_t
u32_at (const uint8_t *p)
{
  uint32_t v;
  memcpy (&v, p, sizeof v);
  return v;
}

static int64_t
number_at (const struct client *c, int n)
{
  int64_t v;
  memcpy (&v, c->frame + FRAME_HEADER_SIZE + 8 * n, sizeof v);
  return v;
}

enum sent { SENT, AGAIN, GONE };

/* A frame at once or not at all: a unix socket queues as one what is much smaller than its buffer. */
static enum sent
send_frame (const struct client *c, int type, const void *payload, uint32_t length)
{
  uint32_t header[2] = { (uint32_t) type, length };
  struct iovec io[] = {
    { .iov_base = header, .iov_len = sizeof header },
    { .iov_base = (void *) (uintptr_t) payload, .iov_len = length },
  };
  struct msghdr message = { .msg_iov = io, .msg_iovlen = length ? 2 : 1 };
  ssize_t n;
  do
    n = sendmsg (c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? AGAIN : GONE;
  return (size_t) n == sizeof header + length ? SENT : GONE;
}

/* A place for one more client. Who has left is not waited for when others come. */
static struct client *
free_place (struct monitor *m)
{
  for (struct client *c = m->client; c < m->client + MAX_CLIENTS; c++)
    if (c->fd < 0)
      return c;
  for (struct client *c = m->client; c < m->client + MAX_CLIENTS; c++)
    if (c->gone)
      {
        client_drop (m, c);
        return c;
      }
  return NULL;
}

void
client_accept (struct monitor *m)
{
  /* Turned away is only who comes when all places are taken by clients that were heard already. */
  bool full = !free_place (m);
  for (struct client *c; full || (c = free_place (m));)
    {
      int fd = accept4 (m->watch->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0)
        return;
      if (full)
        close (fd);
      else
        *c = (struct client){ .fd = fd };
    }
}

void
client_drop (struct monitor *m, struct client *c)
{
  input_end (m, c);
  close_fd (&c->fd);
  *c = (struct client){ .fd = -1 };
}

static int
resize (struct monitor *m, int64_t rows, int64_t columns)
{
  if (m->terminal < 0)
    return ENOTTY;
  if (rows < 0 || rows > 65535 || columns < 0 || columns > 65535)
    return EINVAL;
  struct winsize size = { .ws_row = (unsigned short) rows, .ws_col = (unsigned short) columns };
  return ioctl (m->terminal, TIOCSWINSZ, &size) < 0 ? errno : 0;
}

static void
handle (struct monitor *m, struct client *c)
{
  uint32_t owed = OWED_DONE;
  int64_t error = 0;
  switch (u32_at (c->frame))
    {
    case FRAME_GET_STATUS:
      monitor_catch_up (m);
      owed = OWED_STATUS;
      break;
    case FRAME_ATTACH:
      c->flags = (uint32_t) number_at (c, 0) & (ATTACH_INPUT | ATTACH_OUTPUT | ATTACH_ERRORS | ATTACH_WAIT_FOR_ME | ATTACH_EVENTS);
      /* Too late for anything but the news. */
      if (m->phase >= PHASE_OF_MONITOR_DRAINING)
        owed |= OWED_EXIT;
      break;
    case FRAME_STARTED:
      if (m->watch->runtime)
        monitor_started (m);
      else
        error = EINVAL;
      break;
    case FRAME_END_INPUT:
      input_end (m, c);
      break;
    case FRAME_CHECK:
      error = check_now (m);
      if (error)
        break;
      c->check = true;
      return;
    case FRAME_RESIZE:
      error = resize (m, number_at (c, 0), number_at (c, 1));
      break;
    case FRAME_REOPEN_LOG:
      error = log_reopen (&m->log);
      break;
    case FRAME_SET_RESTART:
      m->restart_on = number_at (c, 0);
      monitor_decide (m);
      break;
    default:
      error = ENOSYS;
    }
  c->error = error;
  c->owed |= owed;
  client_write (m, c);
}

void
client_read (struct monitor *m, struct client *c)
{
  /* So many frames at once; the others want their turn too. */
  for (int turn = 0; turn < 16 && c->fd >= 0 && !(c->owed & OWED_ANSWER) && !c->check; turn++)
    {
      if (c->left > 0)
        {
          if (!input_take (m, c))
            return;
          continue;
        }
      uint32_t want = FRAME_HEADER_SIZE;
      if (c->have >= want)
        want += u32_at (c->frame + 4);
      if (c->have < want)
        {
          ssize_t n = read (c->fd, c->frame + c->have, want - c->have);
          if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
          if (n <= 0)
            {
              client_drop (m, c);
              return;
            }
          c->have += (uint32_t) n;
        }
      if (c->have < FRAME_HEADER_SIZE)
        continue;
      uint32_t type = u32_at (c->frame), length = u32_at (c->frame + 4);
      if (type == FRAME_INPUT)
        {
          c->left = length;
          c->have = 0;
          continue;
        }
      /* Of a frame that is longer than any that we know nobody can tell what comes next. */
      bool known = type < FRAME_DONE && (int32_t) length == sizes[type];
      if (length > sizeof c->frame - FRAME_HEADER_SIZE || (type < FRAME_DONE && !known))
        {
          client_drop (m, c);
          return;
        }
      if (c->have < FRAME_HEADER_SIZE + length)
        continue;
      c->have = 0;
      handle (m, c);
    }
}

/* What was left out, before what comes after it. */
static enum sent
tell_loss (struct client *c)
{
  int64_t lost = (int64_t) c->lost;
  if (lost == 0)
    return SENT;
  enum sent sent = send_frame (c, FRAME_LOST, &lost, sizeof lost);
  if (sent == SENT)
    c->lost = 0;
  return sent;
}

static void
send_chunk (struct monitor *m, struct client *c, const struct stream *stream)
{
  uint32_t length = stream->end - stream->chunk, bit = 1u << (stream - m->stream);
  enum sent sent = tell_loss (c);
  if (sent == SENT)
    sent = send_frame (c, stream->frame, stream->buffer + stream->chunk, length);
  if (sent == GONE)
    client_drop (m, c);
  else if (sent == SENT)
    c->owed &= ~bit;
  else if (c->flags & ATTACH_WAIT_FOR_ME)
    c->owed |= bit;
  else
    c->lost += length;
}

void
clients_output (struct monitor *m, const struct stream *stream)
{
  for (struct client *c = m->client; c < m->client + MAX_CLIENTS; c++)
    if (c->fd >= 0 && c->flags & stream->flag)
      send_chunk (m, c, stream);
}

bool
clients_owed (const struct monitor *m, const struct stream *stream)
{
  for (const struct client *c = m->client; c < m->client + MAX_CLIENTS; c++)
    if (c->fd >= 0 && c->owed & 1u << (stream - m->stream))
      return true;
  return false;
}

static struct status_record
status_of (const struct monitor *m)
{
  struct status_record status = {
    .monitor = getpid (),
    .init = m->s->pid,
    /* Init says so before it executes, and who has started it learns of it after. */
    .phase = m->phase == PHASE_OF_MONITOR_CREATED && m->released && !m->exit.error ? PHASE_OF_MONITOR_RUNNING : m->phase,
    .started_ns = m->exit.started_ns,
    .oom_kills = m->exit.oom_kills,
    .restart_at_ns = m->phase == PHASE_OF_MONITOR_RESTARTING ? now_real () + m->restart_at - now_monotonic () : 0,
    .log_lost = m->log.lost,
    .log_error = m->log.error,
    .health = m->check.health,
    .health_failures = m->check.failures,
  };
  /* One that only brings input is the other line of a client that counts. */
  for (int i = 0; i < MAX_CLIENTS; i++)
    status.clients += m->client[i].fd >= 0 && (m->client[i].flags & ~(uint32_t) ATTACH_INPUT) != 0;
  return status;
}

static enum sent
send_owed (const struct monitor *m, const struct client *c, uint32_t owed)
{
  struct status_record status;
  int64_t health[2] = { m->check.health, m->check.failures };
  switch (owed)
    {
    case OWED_DONE:
      return send_frame (c, FRAME_DONE, &c->error, sizeof c->error);
    case OWED_STATUS:
      status = status_of (m);
      return send_frame (c, FRAME_STATUS, &status, sizeof status);
    case OWED_OOM:
      return send_frame (c, FRAME_OOM, &m->exit.oom_kills, sizeof m->exit.oom_kills);
    case OWED_HEALTH:
      return send_frame (c, FRAME_HEALTH, health, sizeof health);
    default:
      return send_frame (c, FRAME_EXITED, &m->exit, sizeof m->exit);
    }
}

void
client_write (struct monitor *m, struct client *c)
{
  for (int i = 0; i < STREAMS && c->fd >= 0; i++)
    if (c->owed & 1u << i)
      send_chunk (m, c, &m->stream[i]);
  if (c->fd < 0 || c->owed & (OWED_DONE - 1))
    return;
  enum sent sent = tell_loss (c);
  for (uint32_t bit = OWED_DONE; sent == SENT && bit <= OWED_EXIT; bit <<= 1)
    if (c->owed & bit && (sent = send_owed (m, c, bit)) == SENT)
      c->owed &= ~bit;
  if (sent == GONE)
    client_drop (m, c);
}

void
clients_event (struct monitor *m, uint32_t owed)
{
  for (struct client *c = m->client; c < m->client + MAX_CLIENTS; c++)
    if (c->fd >= 0 && c->flags & ATTACH_EVENTS)
      {
        c->owed |= owed;
        client_write (m, c);
      }
}

void
clients_exit (struct monitor *m)
{
  for (struct client *c = m->client; c < m->client + MAX_CLIENTS; c++)
    if (c->fd >= 0 && c->flags)
      {
        c->owed |= OWED_EXIT;
        client_write (m, c);
      }
}

void
clients_checked (struct monitor *m, int error)
{
  for (struct client *c = m->client; c < m->client + MAX_CLIENTS; c++)
    if (c->fd >= 0 && c->check)
      {
        c->check = false;
        c->error = error;
        c->owed |= OWED_DONE;
        client_write (m, c);
      }
}
