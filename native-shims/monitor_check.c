/* Health checks: a command of the host, started at intervals; its exit status counts, its output is kept. */
#include <limits.h>
#include <sys/wait.h>

#include "monitor.h"

static const char *const check_names[] = { CHECK_FIELDS, NULL };
static const char *const health_names[] = { HEALTH_FIELDS, NULL };

static bool
is_starting (const struct monitor *m, int64_t now)
{
  const union op_args *start = m->watch->health_start;
  return m->check.health == HEALTH_STARTING && start && now < m->started + (int64_t) start->monitor_health_start.period_ms * MS;
}

static void
schedule (struct monitor *m)
{
  int64_t now = now_monotonic ();
  uint64_t interval = m->watch->health->monitor_health.interval_ms;
  if (is_starting (m, now) && m->watch->health_start->monitor_health_start.interval_ms)
    interval = m->watch->health_start->monitor_health_start.interval_ms;
  m->check.next = now + (int64_t) interval * MS;
}

static void
write_health (struct monitor *m)
{
  struct health_record health = {
    .health = m->check.health, .health_failures = m->check.failures, .checks = m->check.count,
  };
  record_write (m->watch->directory, "health", health_names, (const int64_t *) &health, NULL, NULL, 0);
}

static void
start (struct monitor *m)
{
  const union op_args *health = m->watch->health;
  int pair[2];
  int64_t now = now_monotonic ();
  m->check.next = now + (int64_t) health->monitor_health.interval_ms * MS;
  if (pipe2 (pair, O_CLOEXEC) < 0)
    return; /* tried again when the next is due */
  cleanup_fd int theirs = pair[1];
  m->check.began_ns = now_real ();
  m->check.length = 0;
  m->check.timed_out = false;
  pid_t pid = vfork ();
  if (pid == 0)
    {
      /* In our memory until execve: system calls only. */
      setsid ();
      monitor_as_usual (m);
      if (dup2 (theirs, 1) < 0 || dup2 (theirs, 2) < 0)
        _exit (127);
      execve (health->monitor_health.argv[0], (char *const *) (uintptr_t) health->monitor_health.argv,
              (char *const *) (uintptr_t) health->monitor_health.env);
      _exit (127);
    }
  if (pid < 0)
    {
      close (pair[0]);
      return;
    }
  fcntl (pair[0], F_SETFL, O_NONBLOCK);
  m->check.pid = pid;
  m->check.fd = pair[0];
  m->check.next = 0;
  m->check.deadline = now + (int64_t) health->monitor_health.timeout_ms * MS;
}

void
check_begin (struct monitor *m)
{
  if (!m->watch->health)
    return;
  m->check.health = HEALTH_STARTING;
  write_health (m);
  schedule (m);
  if (m->check.asked)
    start (m);
}

int
check_now (struct monitor *m)
{
  if (!m->watch->health)
    return ENOENT;
  monitor_catch_up (m);
  if (m->phase == PHASE_OF_MONITOR_CREATED && m->released && !m->exit.error)
    {
      /* Its program is about to run: who asks may know that before we do. */
      m->check.asked = true;
      return 0;
    }
  if (m->phase != PHASE_OF_MONITOR_RUNNING)
    return ESRCH;
  if (!m->check.pid)
    start (m);
  return m->check.pid ? 0 : EAGAIN;
}

void
check_tick (struct monitor *m, int64_t now)
{
  if (m->check.pid && m->check.deadline <= now && !m->check.timed_out)
    {
      m->check.timed_out = true;
      kill (-m->check.pid, SIGKILL);
    }
  if (m->check.next && m->check.next <= now)
    start (m);
}

void
check_read (struct monitor *m)
{
  char beyond[256];
  for (;;)
    {
      uint32_t room = CHECK_OUTPUT - m->check.length;
      ssize_t n = room ? read (m->check.fd, m->check.output + m->check.length, room) : read (m->check.fd, beyond, sizeof beyond);
      if (n <= 0)
        {
          if (n == 0 || (errno != EAGAIN && errno != EINTR))
            {
              close_fd (&m->check.fd);
              m->check.fd = -1;
            }
          return;
        }
      if (!room)
        return; /* what is too much is let through, a little at a time */
      m->check.length += (uint32_t) n;
    }
}

/* Tells whoever keeps the events, with the new status as the last word; what becomes of that program is nothing to us, and
 * it may outlive us. */
static void
tell_change (struct monitor *m)
{
  const union op_args *change = m->watch->health_change;
  if (!change)
    return;
  const char *words[MAX_CHANGE_WORDS + 2] = { NULL };
  size_t count = 0;
  while (change->monitor_health_change.argv[count])
    {
      words[count] = change->monitor_health_change.argv[count];
      count++;
    }
  words[count] = m->check.health == HEALTH_HEALTHY ? "healthy" : "unhealthy";
  pid_t pid = vfork ();
  if (pid != 0)
    return;
  /* In our memory until execve: system calls only. */
  setsid ();
  monitor_as_usual (m);
  execve (words[0], (char *const *) (uintptr_t) words, (char *const *) (uintptr_t) change->monitor_health_change.env);
  _exit (127);
}

void
check_ended (struct monitor *m, const siginfo_t *info)
{
  const union op_args *health = m->watch->health;
  struct check *check = &m->check;
  if (check->fd >= 0)
    check_read (m);
  close_fd (&check->fd);
  check->fd = -1;
  check->pid = 0;

  struct check_record record = {
    .started_ns = check->began_ns,
    .finished_ns = now_real (),
    .code = info->si_code,
    .status = info->si_status,
    .timed_out = check->timed_out,
  };
  char name[32];
  snprintf (name, sizeof name, "health.%d", (int) (check->count % KEPT_CHECKS));
  record_write (m->watch->directory, name, check_names, (const int64_t *) &record, NULL, check->output, check->length);
  check->count++;

  int64_t before = check->health;
  bool passed = !check->timed_out && info->si_code == CLD_EXITED && info->si_status == 0;
  if (passed)
    {
      check->failures = 0;
      check->health = HEALTH_HEALTHY;
    }
  else if (!is_starting (m, now_monotonic ()))
    {
      check->failures++;
      if (check->failures >= (int64_t) health->monitor_health.retries)
        check->health = HEALTH_UNHEALTHY;
    }
  write_health (m);
  if (check->health != before)
    {
      tell_change (m);
      clients_event (m, OWED_HEALTH);
    }
  clients_checked (m, 0);
  schedule (m);
}

void
check_stop (struct monitor *m)
{
  m->check.next = 0;
  if (m->check.pid)
    kill (-m->check.pid, SIGKILL);
  close_fd (&m->check.fd);
  m->check.fd = -1;
  m->check.pid = 0; /* whoever reaps our orphans reaps it; nobody waits for what it says */
  clients_checked (m, ESRCH);
}
