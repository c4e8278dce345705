/* The monitor: one loop over init's end, its output, its memory, and whoever asks.
 *
 * It lives as long as one run of the container, and then turns into the exit command. Nothing that it does depends on
 * the runtime that started it. */
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "monitor.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO ('T', 0x41)
#endif

static int
receive_terminal (int socket)
{
  char name[64];
  union { struct cmsghdr header; char space[CMSG_SPACE (sizeof (int))]; } control;
  struct iovec io = { .iov_base = name, .iov_len = sizeof name };
  struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  if (recvmsg (socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0)
    return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);
  if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN (sizeof (int)))
    return -1;
  int fd;
  memcpy (&fd, CMSG_DATA (header), sizeof fd);
  return fd;
}

static void
begin (struct monitor *m, char *buffers)
{
  struct shim *s = m->s;
  struct watch *watch = m->watch;
  static const struct stream kinds[STREAMS] = {
    { .fd = -1, .name = "stdout", .frame = FRAME_OUTPUT, .flag = ATTACH_OUTPUT },
    { .fd = -1, .name = "stderr", .frame = FRAME_ERRORS, .flag = ATTACH_ERRORS },
  };

  close_fd (&s->runtime);
  s->runtime = -1;
  for (int fd = open ("/dev/null", O_RDWR); fd >= 0 && fd < 2; fd = dup (fd))
    ;
  /* We hold no directory, so that the one we were started in can be unmounted. */
  if (chdir ("/") < 0)
    errno = 0;
  umask (022);
  prctl (PR_SET_CHILD_SUBREAPER, 1);

  sigset_t child;
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  m->signals = signalfd (-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  fcntl (watch->listener, F_SETFL, O_NONBLOCK);

  for (int i = 0; i < STREAMS; i++)
    {
      m->stream[i] = kinds[i];
      m->stream[i].buffer = buffers + i * STREAM_BUFFER;
    }
  m->pending = buffers + STREAMS * STREAM_BUFFER;
  m->check.output = m->pending + 2 * FRAME_MAX_DATA;
  for (int i = 0; i < MAX_CLIENTS; i++)
    m->client[i].fd = -1;
  m->terminal = watch->console >= 0 ? receive_terminal (watch->console) : -1;
  close_fd (&watch->console);
  if (m->terminal >= 0)
    {
      fcntl (m->terminal, F_SETFL, O_NONBLOCK);
      m->held = ioctl (m->terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
      m->stream[0].fd = fcntl (m->terminal, F_DUPFD_CLOEXEC, 3);
      m->input = fcntl (m->terminal, F_DUPFD_CLOEXEC, 3);
    }
  else
    {
      m->stream[0].fd = watch->output;
      m->stream[1].fd = watch->errors;
      m->input = watch->input;
    }
  log_start (&m->log, watch->log_fd, watch->log);
  m->memory_events = watch->oom ? open (watch->oom->monitor_oom.events, O_RDONLY | O_CLOEXEC) : -1;
  m->oom_before = monitor_oom_kills (m);
  m->restart_on = watch->restart ? (int64_t) watch->restart->monitor_restart.on : RESTART_NEVER;
  m->exit.restart_ms = -1;
  monitor_protect (m);
}

enum { SIGNALS, LISTENER, PEER, MEMORY, CHECK, INPUT, OUTPUT, CLIENTS = OUTPUT + STREAMS, FDS = CLIENTS + MAX_CLIENTS };

/* It has input for a container that does not take any, or waits for a health check: it is not read meanwhile. */
static bool
is_stuck (const struct monitor *m, const struct client *c)
{
  return c->check || (c->left > 0 && m->pending_length > 0);
}

static void
fill (const struct monitor *m, struct pollfd *fds)
{
  fds[SIGNALS] = (struct pollfd){ .fd = m->signals, .events = POLLIN };
  fds[LISTENER] = (struct pollfd){ .fd = m->watch->listener, .events = POLLIN };
  fds[PEER] = (struct pollfd){ .fd = m->s->peer, .events = POLLIN };
  fds[MEMORY] = (struct pollfd){ .fd = m->memory_events, .events = POLLPRI };
  fds[CHECK] = (struct pollfd){ .fd = m->check.fd, .events = POLLIN };
  fds[INPUT] = (struct pollfd){ .fd = m->pending_length ? m->input : -1, .events = POLLOUT };
  for (int i = 0; i < STREAMS; i++)
    fds[OUTPUT + i] = (struct pollfd){ .fd = clients_owed (m, &m->stream[i]) ? -1 : m->stream[i].fd, .events = POLLIN };
  for (int i = 0; i < MAX_CLIENTS; i++)
    {
      const struct client *c = &m->client[i];
      bool reads = !is_stuck (m, c) && !(c->owed & OWED_ANSWER);
      short events = (short) ((reads ? POLLIN : 0) | (c->owed || c->lost ? POLLOUT : 0));
      /* Of its end we are told without asking, but once is enough. */
      fds[CLIENTS + i] = (struct pollfd){ .fd = c->gone && !events ? -1 : c->fd, .events = events };
    }
}

static void
sooner (int64_t *deadline, int64_t candidate)
{
  if (candidate && candidate < *deadline)
    *deadline = candidate;
}

static int
time_left (const struct monitor *m)
{
  int64_t deadline = INT64_MAX;
  for (int i = 0; i < STREAMS; i++)
    sooner (&deadline, m->stream[i].held_until);
  sooner (&deadline, m->check.next);
  if (m->check.pid && !m->check.timed_out)
    sooner (&deadline, m->check.deadline);
  if (m->phase == PHASE_OF_MONITOR_DRAINING)
    sooner (&deadline, m->drain_until);
  if (m->phase == PHASE_OF_MONITOR_RESTARTING)
    sooner (&deadline, m->restart_at);
  if (deadline == INT64_MAX)
    return -1;
  int64_t left = deadline - now_monotonic ();
  return left <= 0 ? 0 : left / MS >= 60000 ? 60000 : (int) (left / MS) + 1;
}

int
watch (struct shim *s)
{
  /* Two streams, input that waits, input that nobody wants, what a check says: only what is used costs memory. */
  char buffers[STREAMS * STREAM_BUFFER + 2 * FRAME_MAX_DATA + CHECK_OUTPUT];
  struct pollfd fds[FDS];
  struct monitor m = {
    .s = s, .watch = &s->watch, .phase = PHASE_OF_MONITOR_CREATED, .memory_events = -1, .check = { .fd = -1 },
  };

  begin (&m, buffers);
  monitor_reap (&m);
  while (!m.over)
    {
      fill (&m, fds);
      if (poll (fds, FDS, time_left (&m)) < 0)
        continue;
      if (fds[PEER].revents && s->peer >= 0)
        monitor_hear (&m);
      for (int i = 0; i < STREAMS; i++)
        if (fds[OUTPUT + i].revents && m.stream[i].fd >= 0 && !clients_owed (&m, &m.stream[i]))
          stream_read (&m, &m.stream[i]);
      if (fds[MEMORY].revents)
        monitor_look_at_memory (&m);
      if (fds[CHECK].revents && m.check.fd >= 0)
        check_read (&m);
      if (fds[INPUT].revents)
        input_flush (&m);
      for (int i = 0; i < MAX_CLIENTS; i++)
        {
          struct client *c = &m.client[i];
          /* Who is not read before he has his answer, and does not take it any more, is to be found out too. */
          short writable = (short) (POLLOUT | POLLERR | (c->owed & OWED_ANSWER ? POLLHUP : 0));
          if (c->fd >= 0 && fds[CLIENTS + i].fd == c->fd && fds[CLIENTS + i].revents & writable)
            client_write (&m, c);
          if (c->fd >= 0 && fds[CLIENTS + i].fd == c->fd && fds[CLIENTS + i].revents & (POLLIN | POLLHUP | POLLERR))
            {
              if (is_stuck (&m, c))
                c->gone = true;
              client_read (&m, c);
            }
        }
      if (fds[SIGNALS].revents)
        monitor_reap (&m);
      if (fds[LISTENER].revents)
        client_accept (&m);
      int64_t now = now_monotonic ();
      streams_release (&m, now);
      check_tick (&m, now);
      monitor_proceed (&m, now);
    }
  return monitor_become_exit_command (&m);
}
