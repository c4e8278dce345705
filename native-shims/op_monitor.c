/* What a monitor is told, and what it opens while a failure can still be told to the one who wants a container. */
#include <sys/socket.h>

#include "monitor.h"

/* A copy beyond the slots, which are closed once init has them. */
static int
keep (int fd)
{
  return fcntl (fd, F_DUPFD_CLOEXEC, FIRST_INHERITED_FD);
}

/* A year or so: what is multiplied to nanoseconds must stay a number. */
#define MAX_MS 40000000000ull

static int
out_of_range (struct shim *s, const char *what)
{
  errno = EINVAL;
  return fail (s, "monitor", "%s", what);
}

int
op_monitor (struct shim *s, const struct op *op)
{
  s->watch.directory = op->u.monitor.directory;
  s->watch.oom_score = (int64_t) op->u.monitor.oom_score;
  if ((s->watch.listener = keep (slot (s, op->u.monitor.socket))) < 0)
    return fail (s, "fcntl", "the monitor's socket");
  if (listen (s->watch.listener, SOMAXCONN) < 0)
    return fail (s, "listen", "the monitor's socket");
  if ((s->watch.record = record_reserve (s->watch.directory)) < 0)
    return fail (s, "write", "%s", s->watch.directory);
  return 0;
}

/* Nonblocking at our end only: the other one is the program's standard stream. */
static int
make_pipe (int n, int *ours)
{
  int pair[2];
  if (pipe2 (pair, O_CLOEXEC) < 0)
    return -1;
  cleanup_fd int theirs = pair[n == 0 ? 0 : 1];
  *ours = pair[n == 0 ? 1 : 0];
  if (fcntl (*ours, F_SETFL, O_NONBLOCK) < 0 || dup2 (theirs, n) < 0)
    return -1;
  return 0;
}

int
op_monitor_pipes (struct shim *s, const struct op *op)
{
  s->watch.input_mode = op->u.monitor_pipes.input;
  if ((s->watch.input_mode != INPUT_NONE && make_pipe (0, &s->watch.input) < 0) || make_pipe (1, &s->watch.output) < 0
      || make_pipe (2, &s->watch.errors) < 0)
    return fail (s, "pipe2", "the container's standard streams");
  return 0;
}

int
op_monitor_terminal (struct shim *s, const struct op *op)
{
  int pair[2];
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    return fail (s, "socketpair", "for the terminal");
  s->watch.console = pair[0];
  set_slot (s, op->u.monitor_terminal.out, pair[1]);
  return 0;
}

int
op_monitor_log (struct shim *s, const struct op *op)
{
  if (op->u.monitor_log.max_files < 1 || op->u.monitor_log.max_files > 1000)
    return out_of_range (s, "number of log files");
  s->watch.log = &op->u;
  if ((s->watch.log_fd = log_open (op->u.monitor_log.path)) < 0)
    return fail (s, "open", "%s", op->u.monitor_log.path);
  return 0;
}

int
op_monitor_oom (struct shim *s, const struct op *op)
{
  s->watch.oom = &op->u;
  return 0;
}

int
op_monitor_exit (struct shim *s, const struct op *op)
{
  if (!op->u.monitor_exit.argv[0])
    return out_of_range (s, "exit command without a program");
  s->watch.exit = &op->u;
  return 0;
}

int
op_monitor_restart (struct shim *s, const struct op *op)
{
  if (op->u.monitor_restart.soon_ms > MAX_MS || op->u.monitor_restart.later_ms > MAX_MS
      || op->u.monitor_restart.long_run_ms > MAX_MS)
    return out_of_range (s, "time before a restart");
  s->watch.restart = &op->u;
  return 0;
}

int
op_monitor_runtime (struct shim *s, const struct op *op)
{
  if (!op->u.monitor_runtime.argv[0])
    return out_of_range (s, "runtime without a program");
  if (op->u.monitor_runtime.console != NO_SLOT)
    {
      s->watch.console_listener = keep (slot (s, op->u.monitor_runtime.console));
      if (s->watch.console_listener < 0 || listen (s->watch.console_listener, 1) < 0)
        return fail (s, "listen", "the console socket");
    }
  s->watch.runtime = &op->u;
  return 0;
}

int
op_monitor_health (struct shim *s, const struct op *op)
{
  if (!op->u.monitor_health.argv[0])
    return out_of_range (s, "health check without a program");
  if (op->u.monitor_health.interval_ms < 1 || op->u.monitor_health.interval_ms > MAX_MS || op->u.monitor_health.timeout_ms > MAX_MS)
    return out_of_range (s, "time between health checks");
  s->watch.health = &op->u;
  return 0;
}

int
op_monitor_health_start (struct shim *s, const struct op *op)
{
  if (op->u.monitor_health_start.period_ms > MAX_MS || op->u.monitor_health_start.interval_ms > MAX_MS)
    return out_of_range (s, "start period of health checks");
  s->watch.health_start = &op->u;
  return 0;
}

int
op_monitor_health_change (struct shim *s, const struct op *op)
{
  size_t count = 0;
  while (op->u.monitor_health_change.argv[count])
    count++;
  if (count == 0 || count > MAX_CHANGE_WORDS)
    return out_of_range (s, "words of the program for a health change");
  s->watch.health_change = &op->u;
  return 0;
}
