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
#include <sys/wait.h>

#include "monitor.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO ('T', 0x41)
#endif
#define PARTIAL_MS 1000 /* how long the log waits for the rest of a line */
#define GOODBYE_MS 1000 /* how long a client may take for the last frame, which says what the record says too */
#define LAST_READS 128 /* of a pipe whose writers go on after init */

static const char *const exit_names[] = { EXIT_FIELDS, NULL };

void
monitor_as_usual (const struct monitor *m)
{
  sigset_t none;
  sigemptyset (&none);
  signal (SIGPIPE, SIG_DFL);
  sigprocmask (SIG_SETMASK, &none, NULL);
  if (m->old_oom_score[0])
    {
      cleanup_fd int fd = open_proc (m->s, "self/oom_score_adj", O_WRONLY);
      if (fd >= 0)
        write_all (fd, m->old_oom_score, strlen (m->old_oom_score));
    }
}

/* We are the last to be killed for want of memory: who else would tell of it? As far as we may. */
static void
protect (struct monitor *m)
{
  char text[24];
  cleanup_fd int fd = open_proc (m->s, "self/oom_score_adj", O_RDWR);
  ssize_t n = fd < 0 ? -1 : read (fd, m->old_oom_score, sizeof m->old_oom_score - 1);
  m->old_oom_score[n > 0 ? n : 0] = '\0';
  int length = snprintf (text, sizeof text, "%lld", (long long) m->watch->oom_score);
  if (m->watch->oom_score == 0 || n <= 0 || lseek (fd, 0, SEEK_SET) < 0 || write_all (fd, text, (size_t) length) < 0)
    m->old_oom_score[0] = '\0';
}

static int64_t
oom_kills (const struct monitor *m)
{
  char text[512];
  if (m->memory_events < 0)
    return 0;
  ssize_t n = pread (m->memory_events, text, sizeof text - 1, 0);
  if (n <= 0)
    return 0;
  text[n] = '\0';
  const char *at = strstr (text, "oom_kill ");
  return at ? strtoll (at + strlen ("oom_kill "), NULL, 10) : 0;
}

static void
look_at_memory (struct monitor *m)
{
  int64_t kills = oom_kills (m) - m->oom_before;
  if (kills <= m->exit.oom_kills)
    return;
  m->exit.oom_kills = kills;
  clients_event (m, OWED_OOM);
}

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
  m->oom_before = oom_kills (m);
  m->restart_on = watch->restart ? (int64_t) watch->restart->monitor_restart.on : RESTART_NEVER;
  m->exit.restart_ms = -1;
  protect (m);
}

static void
write_exit (struct monitor *m, int *reserved)
{
  m->exit.log_lost = m->log.lost;
  m->exit.log_error = m->log.error;
  record_write (m->watch->directory, "exit", exit_names, (const int64_t *) &m->exit, reserved, NULL, 0);
}

/* Whether and when the container is to be started again. Asked anew when somebody changes his mind. */
void
monitor_decide (struct monitor *m)
{
  if (m->phase < PHASE_OF_MONITOR_DRAINING)
    return;
  const union op_args *restart = m->watch->restart;
  bool failed = m->exit.code != CLD_EXITED || m->exit.status != 0;
  bool again = restart && m->exit.executed && !m->exit.error
               && (m->restart_on == RESTART_ALWAYS || (m->restart_on == RESTART_ON_FAILURE && failed));
  int64_t before = m->exit.restart_ms;
  m->exit.restart_ms = -1;
  if (again)
    {
      bool long_run
          = (m->exit.finished_ns - m->exit.started_ns) / MS >= (int64_t) restart->monitor_restart.long_run_ms;
      m->exit.restart_ms = (int64_t) (long_run ? restart->monitor_restart.soon_ms : restart->monitor_restart.later_ms);
    }
  if (m->exit.restart_ms == before)
    return;
  m->restart_at = now_monotonic () + m->exit.restart_ms * MS;
  /* The first time this is before the record is written. */
  if (m->watch->record < 0 || before >= 0)
    write_exit (m, NULL);
}

void
monitor_started (struct monitor *m)
{
  if (m->phase != PHASE_OF_MONITOR_CREATED)
    return;
  m->exit.executed = 1;
  m->exit.started_ns = now_real ();
  m->started = now_monotonic ();
  m->phase = PHASE_OF_MONITOR_RUNNING;
  check_begin (m);
}

/* What init says after it was released: that it goes on, that it cannot, and by the end of it that it has. */
static void
hear_init (struct monitor *m)
{
  struct record record;
  if (receive_record (m->s->peer, &record))
    {
      if (record.type == MESSAGE_EXECUTING)
        m->released = true;
      else if (record.type == MESSAGE_FAILED)
        m->exit.error = record.error ? record.error : EIO;
      return;
    }
  close_fd (&m->s->peer);
  m->s->peer = -1;
  if (m->released && !m->exit.error)
    monitor_started (m);
}

void
monitor_catch_up (struct monitor *m)
{
  struct pollfd peer = { .fd = m->s->peer, .events = POLLIN };
  while (m->s->peer >= 0 && poll (&peer, 1, 0) > 0)
    hear_init (m);
}

/* Reads once. False when there was nothing, or nothing more will come. */
static bool
read_stream (struct monitor *m, struct stream *stream)
{
  if (stream->line > 0)
    {
      memmove (stream->buffer, stream->buffer + stream->line, stream->end - stream->line);
      stream->end -= stream->line;
      stream->line = 0;
    }
  stream->chunk = stream->end;
  ssize_t n = read (stream->fd, stream->buffer + stream->end, STREAM_BUFFER - stream->end);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (n <= 0)
    {
      /* EIO: nobody has the terminal open any more. */
      log_take (&m->log, stream, true);
      stream->held_until = 0;
      close_fd (&stream->fd);
      stream->fd = -1;
      return false;
    }
  stream->end += (uint32_t) n;
  bool held = stream->held_until != 0 && stream->chunk > 0;
  log_take (&m->log, stream, false);
  if (stream->line == stream->end)
    stream->held_until = 0;
  else if (!held || stream->line > 0)
    stream->held_until = now_monotonic () + PARTIAL_MS * MS;
  clients_output (m, stream);
  return true;
}

/* A part of a line has waited long enough; whoever follows the log wants to see the prompt. */
static void
release_parts (struct monitor *m, int64_t now)
{
  for (struct stream *stream = m->stream; stream < m->stream + STREAMS; stream++)
    if (stream->held_until && stream->held_until <= now)
      {
        log_take (&m->log, stream, true);
        stream->held_until = 0;
      }
}

/* Init has ended, so what it wrote is there to be read; what others still write is not waited for. */
static void
drain (struct monitor *m)
{
  bool waiting = false;
  for (struct stream *stream = m->stream; stream < m->stream + STREAMS; stream++)
    {
      for (int i = 0; i < LAST_READS && stream->fd >= 0 && !clients_owed (m, stream); i++)
        if (!read_stream (m, stream))
          break;
      if (clients_owed (m, stream))
        waiting = true;
      else if (stream->fd >= 0)
        {
          log_take (&m->log, stream, true);
          stream->held_until = 0;
          close_fd (&stream->fd);
          stream->fd = -1;
        }
    }
  if (!waiting && !m->drain_until)
    {
      m->drain_until = now_monotonic () + GOODBYE_MS * MS;
      clients_exit (m);
    }
}

static void
init_ended (struct monitor *m, const siginfo_t *info)
{
  while (m->s->peer >= 0)
    hear_init (m);
  m->s->pid = 0;
  look_at_memory (m);
  check_stop (m);
  input_close (m);
  m->exit.code = info->si_code;
  m->exit.status = info->si_status;
  m->exit.finished_ns = now_real ();
  m->phase = PHASE_OF_MONITOR_DRAINING;
  /* The log is whole before the record says that all is over, unless a client that is waited for takes its time. */
  for (struct stream *stream = m->stream; stream < m->stream + STREAMS; stream++)
    for (int i = 0; i < LAST_READS && stream->fd >= 0 && !clients_owed (m, stream) && read_stream (m, stream); i++)
      ;
  release_parts (m, INT64_MAX);
  monitor_decide (m);
  write_exit (m, &m->watch->record);
  drain (m);
}

/* Init, a check, and whoever else has become our child. */
static void
reap (struct monitor *m)
{
  struct signalfd_siginfo ignored;
  while (read (m->signals, &ignored, sizeof ignored) > 0)
    ;
  for (;;)
    {
      siginfo_t info = { 0 };
      if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
        return;
      if (info.si_pid == m->s->pid)
        init_ended (m, &info);
      else if (info.si_pid == m->check.pid)
        check_ended (m, &info);
    }
}

enum { SIGNALS, LISTENER, PEER, MEMORY, CHECK, INPUT, OUTPUT, CLIENTS = OUTPUT + STREAMS, FDS = CLIENTS + MAX_CLIENTS };

/* It has input for a container that does not take any. */
static bool
is_stuck (const struct monitor *m, const struct client *c)
{
  return c->left > 0 && m->pending_length > 0;
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

static bool
said_goodbye (const struct monitor *m)
{
  for (int i = 0; i < MAX_CLIENTS; i++)
    if (m->client[i].fd >= 0 && m->client[i].owed)
      return false;
  return true;
}

/* From the end of init to ours. */
static void
proceed (struct monitor *m, int64_t now)
{
  if (m->phase == PHASE_OF_MONITOR_DRAINING)
    {
      drain (m);
      if (!m->drain_until || (!said_goodbye (m) && now < m->drain_until))
        return;
      for (int i = 0; i < MAX_CLIENTS; i++)
        if (m->client[i].fd >= 0 && m->client[i].flags)
          client_drop (m, &m->client[i]);
      m->phase = PHASE_OF_MONITOR_RESTARTING;
    }
  if (m->phase == PHASE_OF_MONITOR_RESTARTING && (m->exit.restart_ms < 0 || now >= m->restart_at))
    m->over = true;
}

/* The monitor's last act. Only what it says goes anywhere. */
static int
become_exit_command (const struct monitor *m)
{
  const union op_args *exit = m->watch->exit;
  if (!exit)
    return 0;
  monitor_as_usual (m);
  prctl (PR_SET_CHILD_SUBREAPER, 0);
  if (exit->monitor_exit.errors[0])
    {
      cleanup_fd int errors = open (exit->monitor_exit.errors, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
      if (errors >= 0)
        dup2 (errors, 2);
    }
  execve (exit->monitor_exit.argv[0], (char *const *) (uintptr_t) exit->monitor_exit.argv,
          (char *const *) (uintptr_t) exit->monitor_exit.env);
  dprintf (2, "runt-shim: exit command: %s: errno %d\n", exit->monitor_exit.argv[0], errno);
  return 127;
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
  reap (&m);
  while (!m.over)
    {
      fill (&m, fds);
      if (poll (fds, FDS, time_left (&m)) < 0)
        continue;
      if (fds[PEER].revents && s->peer >= 0)
        hear_init (&m);
      for (int i = 0; i < STREAMS; i++)
        if (fds[OUTPUT + i].revents && m.stream[i].fd >= 0 && !clients_owed (&m, &m.stream[i]))
          read_stream (&m, &m.stream[i]);
      if (fds[MEMORY].revents)
        look_at_memory (&m);
      if (fds[CHECK].revents && m.check.fd >= 0)
        check_read (&m);
      if (fds[INPUT].revents)
        input_flush (&m);
      for (int i = 0; i < MAX_CLIENTS; i++)
        {
          struct client *c = &m.client[i];
          if (c->fd >= 0 && fds[CLIENTS + i].fd == c->fd && fds[CLIENTS + i].revents & (POLLOUT | POLLERR))
            client_write (&m, c);
          if (c->fd >= 0 && fds[CLIENTS + i].fd == c->fd && fds[CLIENTS + i].revents & (POLLIN | POLLHUP | POLLERR))
            {
              if (is_stuck (&m, c))
                c->gone = true;
              client_read (&m, c);
            }
        }
      if (fds[SIGNALS].revents)
        reap (&m);
      if (fds[LISTENER].revents)
        client_accept (&m);
      int64_t now = now_monotonic ();
      release_parts (&m, now);
      check_tick (&m, now);
      proceed (&m, now);
    }
  return become_exit_command (&m);
}
