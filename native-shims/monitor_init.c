/* Init, as its monitor sees it: that it runs, what the kernel has killed in it, and how it ended. */
#include <poll.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "monitor.h"

static const char *const exit_names[] = { EXIT_FIELDS, NULL };

int64_t
monitor_oom_kills (const struct monitor *m)
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

void
monitor_look_at_memory (struct monitor *m)
{
  int64_t kills = monitor_oom_kills (m) - m->oom_before;
  if (kills <= m->exit.oom_kills)
    return;
  m->exit.oom_kills = kills;
  clients_event (m, OWED_OOM);
}

static void
write_exit (struct monitor *m, int *reserved)
{
  m->exit.log_lost = m->log.lost;
  m->exit.log_error = m->log.error;
  record_write (m->watch->directory, "exit", exit_names, (const int64_t *) &m->exit, reserved, NULL, 0);
}

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

void
monitor_hear (struct monitor *m)
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
    monitor_hear (m);
}

static void
init_ended (struct monitor *m, const siginfo_t *info)
{
  while (m->s->peer >= 0)
    monitor_hear (m);
  m->s->pid = 0;
  monitor_look_at_memory (m);
  check_stop (m);
  input_close (m);
  m->exit.code = info->si_code;
  m->exit.status = info->si_status;
  m->exit.finished_ns = now_real ();
  m->phase = PHASE_OF_MONITOR_DRAINING;
  /* The log is whole before the record says that all is over, unless a client that is waited for takes its time. */
  for (struct stream *stream = m->stream; stream < m->stream + STREAMS; stream++)
    stream_rest (m, stream);
  streams_release (m, INT64_MAX);
  monitor_decide (m);
  write_exit (m, &m->watch->record);
  monitor_drain (m);
}

void
monitor_reap (struct monitor *m)
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
