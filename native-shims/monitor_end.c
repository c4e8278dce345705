/* From the end of init to that of its monitor, which is to become the exit command. */
#include <stdlib.h>
#include <sys/prctl.h>

#include "monitor.h"

#define GOODBYE_MS 1000 /* how long a client may take for the last frame, which says what the record says too */

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

void
monitor_protect (struct monitor *m)
{
  char text[24];
  cleanup_fd int fd = open_proc (m->s, "self/oom_score_adj", O_RDWR);
  ssize_t n = fd < 0 ? -1 : read (fd, m->old_oom_score, sizeof m->old_oom_score - 1);
  m->old_oom_score[n > 0 ? n : 0] = '\0';
  int length = snprintf (text, sizeof text, "%lld", (long long) m->watch->oom_score);
  if (m->watch->oom_score == 0 || n <= 0 || lseek (fd, 0, SEEK_SET) < 0 || write_all (fd, text, (size_t) length) < 0)
    m->old_oom_score[0] = '\0';
}

void
monitor_drain (struct monitor *m)
{
  bool waiting = false;
  for (struct stream *stream = m->stream; stream < m->stream + STREAMS; stream++)
    {
      stream_rest (m, stream);
      if (clients_owed (m, stream))
        waiting = true;
      else if (stream->fd >= 0)
        stream_close (m, stream);
    }
  if (!waiting && !m->drain_until)
    {
      m->drain_until = now_monotonic () + GOODBYE_MS * MS;
      clients_exit (m);
    }
}

static bool
said_goodbye (const struct monitor *m)
{
  for (int i = 0; i < MAX_CLIENTS; i++)
    if (m->client[i].fd >= 0 && m->client[i].owed)
      return false;
  return true;
}

void
monitor_proceed (struct monitor *m, int64_t now)
{
  if (m->phase == PHASE_OF_MONITOR_DRAINING)
    {
      monitor_drain (m);
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

int
monitor_become_exit_command (const struct monitor *m)
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
