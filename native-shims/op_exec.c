/* The way out: report ready, wait for start, run hooks, execve. */
#include <limits.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "shim.h"

int
op_find_executable (struct shim *s, const struct op *op)
{
  int error = ENOENT;
  const char *const *candidates = op->u.find_executable.candidates;
  for (const char *const *candidate = candidates; *candidate; candidate++)
    {
      struct stat st;
      if (stat (*candidate, &st) < 0)
        {
          if (errno == EACCES || (errno != ENOENT && errno != ENOTDIR && !candidates[1]))
            error = errno;
          else if (errno == ENOTDIR && !candidates[1])
            error = errno;
          continue;
        }
      if (S_ISDIR (st.st_mode))
        {
          error = candidates[1] ? error : EISDIR;
          continue;
        }
      if (faccessat (AT_FDCWD, *candidate, X_OK, AT_EACCESS) < 0)
        {
          error = errno;
          continue;
        }
      s->executable = *candidate;
      return 0;
    }
  errno = error;
  return fail (s, "execve", "%s", candidates[0] ? candidates[0] : "");
}

int
op_keep_fds (struct shim *s, const struct op *op)
{
  uint64_t first = op->u.keep_fds.first;
  int count = (int) op->u.keep_fds.count;
  int end = 3 + count;
  if (count < 0 || (count > 0 && first + (uint64_t) count > s->plan.inherited))
    {
      errno = EBADMSG;
      return fail (s, "dup2", "fds out of range");
    }
  /* Everything that we still need goes above the targets first, so that no order can overwrite one. */
  s->start = op->u.keep_fds.start == NO_SLOT ? -1 : slot (s, op->u.keep_fds.start);
  int *needed[] = { &s->peer, &s->start };
  for (int i = 0; i < 2; i++)
    {
      int moved = *needed[i] < 0 ? -1 : fcntl (*needed[i], F_DUPFD_CLOEXEC, end);
      /* The peer stays where it was, to be told of this. */
      if (*needed[i] >= 0 && moved < 0)
        return fail (s, "fcntl", "F_DUPFD_CLOEXEC");
      *needed[i] = moved;
    }
  for (int i = 0; i < count; i++)
    if ((s->slot[first + i] = fcntl (s->slot[first + i], F_DUPFD_CLOEXEC, end)) < 0)
      return fail (s, "fcntl", "preserved fd %d", 3 + i);
  for (int i = 0; i < count; i++)
    if (dup2 (s->slot[first + i], 3 + i) < 0)
      return fail (s, "dup2", "preserved fd %d", 3 + i);
  /* Closed now and not only at execve: a hook, or whoever looks into /proc/PID/fd, must not find them. */
  int low = s->peer, high = s->start;
  if (low > high)
    low = s->start, high = s->peer;
  if (low < 0)
    low = high;
  if ((low > end && syscall (SYS_close_range, end, low - 1, 0) < 0)
      || (high > low + 1 && syscall (SYS_close_range, low + 1, high - 1, 0) < 0)
      || syscall (SYS_close_range, high + 1, ~0u, 0) < 0)
    return fail (s, "close_range", "all but %d", 3 + count);
  for (unsigned i = 0; i < PLAN_MAX_SLOTS; i++)
    s->slot[i] = -1;
  s->proc = s->root = s->listener = -1;
  return 0;
}

int
op_ready (struct shim *s, const struct op *op)
{
  (void) op;
  /* From here on nobody needs to be alive for us to live, but the one who answers; and a monitor, without which
   * nobody would read our output or learn how we end. */
  if (s->plan.stay != STAY_MONITOR)
    prctl (PR_SET_PDEATHSIG, 0);
  send_message (s->peer, MESSAGE_READY, 0);
  if (!await_go (s->peer))
    leave (1);
  return 0;
}

int
op_wait_start (struct shim *s, const struct op *op)
{
  (void) op;
  if (s->start < 0)
    {
      errno = EBADF;
      return fail (s, "read", "nobody could start this");
    }
  s->fifo = s->start;
  /* Open for writing too, so that a read waits for a writer instead of seeing none. */
  if (!await_go (s->fifo))
    leave (1);
  if (s->plan.stay == STAY_MONITOR)
    send_message (s->peer, MESSAGE_EXECUTING, 0);
  return 0;
}

static int64_t
now_ms (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What a hook is told, and how much of it it has taken. */
struct telling
{
  const char *text[3];
  int part;
  size_t done;
};

/* Writes as much as the pipe takes. True when that was all of it; a hook need not read what it is told. */
static bool
tell (int fd, struct telling *t)
{
  while (t->part < 3)
    {
      const char *rest = t->text[t->part] + t->done;
      if (!*rest)
        {
          t->part++;
          t->done = 0;
          continue;
        }
      ssize_t n = write (fd, rest, strlen (rest));
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno != EAGAIN;
      t->done += (size_t) n;
    }
  return true;
}

int
op_hook (struct shim *s, const struct op *op)
{
  int in[2], out[2], pidfd = -1;
  char output[RECORD_TEXT / 2] = "";
  size_t have = 0;

  if (pipe2 (in, O_CLOEXEC) < 0 || pipe2 (out, O_CLOEXEC) < 0)
    return fail (s, "pipe2", "for the hook %s", op->u.hook.path);
  struct clone_args clone = {
    .flags = CLONE_PIDFD, .pidfd = (uint64_t) (uintptr_t) &pidfd, .exit_signal = SIGCHLD,
  };
  pid_t pid = (pid_t) syscall (SYS_clone3, &clone, sizeof clone);
  if (pid < 0)
    return fail (s, "clone3", "for the hook %s", op->u.hook.path);
  if (pid == 0)
    {
      if (dup2 (in[0], 0) < 0 || dup2 (out[1], 1) < 0 || dup2 (out[1], 2) < 0)
        _exit (126);
      syscall (SYS_close_range, 3, ~0u, 0);
      execve (op->u.hook.path, (char *const *) (uintptr_t) op->u.hook.argv, (char *const *) (uintptr_t) op->u.hook.env);
      dprintf (2, "execve %s: errno %d", op->u.hook.path, errno);
      _exit (127);
    }
  close (in[0]);
  close (out[1]);
  /* The hook may end without reading: that must not end us, nor keep us for longer than it may take. */
  signal (SIGPIPE, SIG_IGN);
  fcntl (in[1], F_SETFL, O_NONBLOCK);
  char self[16];
  snprintf (self, sizeof self, "%d", (int) getpid ());
  struct telling telling = { .text = { op->u.hook.before, self, op->u.hook.after } };

  int64_t limit = (int64_t) op->u.hook.timeout_ms;
  int64_t end = limit ? now_ms () + limit : 0;
  bool timed_out = false;
  struct pollfd fds[] = {
    { .fd = pidfd, .events = POLLIN }, { .fd = out[0], .events = POLLIN }, { .fd = in[1], .events = POLLOUT },
  };
  while (!(fds[0].revents & POLLIN))
    {
      int64_t left = limit ? end - now_ms () : -1;
      if (limit && left <= 0)
        {
          timed_out = true;
          syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
          break;
        }
      if (poll (fds, 3, left > INT_MAX ? INT_MAX : (int) left) < 0)
        continue;
      if (fds[2].revents && tell (in[1], &telling))
        {
          close (in[1]); /* the end of its input */
          fds[2].fd = -1;
        }
      if (fds[1].revents & (POLLIN | POLLHUP))
        {
          char discard[256];
          bool room = have < sizeof output - 1;
          ssize_t n = room ? read (out[0], output + have, sizeof output - 1 - have) : read (out[0], discard, sizeof discard);
          if (n <= 0)
            fds[1].fd = -1;
          else if (room)
            have += (size_t) n;
        }
    }
  signal (SIGPIPE, SIG_DFL);
  if (fds[2].fd >= 0)
    close (in[1]);
  siginfo_t info = { 0 };
  while (waitid (3 /* P_PIDFD */, (id_t) pidfd, &info, WEXITED) < 0 && errno == EINTR)
    ;
  /* What it said last, without waiting for grandchildren that hold the pipe. */
  fcntl (out[0], F_SETFL, O_NONBLOCK);
  ssize_t n = have < sizeof output - 1 ? read (out[0], output + have, sizeof output - 1 - have) : 0;
  if (n > 0)
    have += (size_t) n;
  output[have] = '\0';
  close (out[0]);
  close (pidfd);
  if (!timed_out && info.si_code == CLD_EXITED && info.si_status == 0)
    return 0;
  errno = timed_out ? ETIMEDOUT : ECHILD;
  if (timed_out)
    return fail (s, "hook", "%s: timed out after %lld ms", op->u.hook.path, (long long) limit);
  return fail (s, "hook", "%s: %s %d%s%s", op->u.hook.path, info.si_code == CLD_EXITED ? "exit status" : "killed by signal",
               info.si_status, have ? ": " : "", output);
}

int
op_exec (struct shim *s, const struct op *op)
{
  if (!s->executable)
    {
      errno = ENOENT;
      return fail (s, "execve", "no executable was looked for");
    }
  execve (s->executable, (char *const *) (uintptr_t) op->u.exec.argv, (char *const *) (uintptr_t) op->u.exec.env);
  return fail (s, "execve", "%s", s->executable);
}
