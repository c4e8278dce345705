/* Another OCI runtime makes the container: we run its `create`, and reap what it leaves behind. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "shim.h"

static pid_t
start_runtime (const struct watch *watch)
{
  const char *const *argv = watch->runtime->monitor_runtime.argv;
  pid_t pid = vfork ();
  if (pid == 0)
    {
      sigset_t none;
      sigemptyset (&none);
      sigprocmask (SIG_SETMASK, &none, NULL);
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      execve (argv[0], (char *const *) (uintptr_t) argv, (char *const *) (uintptr_t) watch->runtime->monitor_runtime.env);
      dprintf (2, "%s: errno %d", argv[0], errno);
      _exit (127);
    }
  return pid;
}

/* What it said last, as the failure's text. */
static int
tell_why (struct shim *s, int status)
{
  char text[RECORD_TEXT];
  ssize_t n = s->watch.errors >= 0 ? read (s->watch.errors, text, sizeof text - 1) : 0;
  while (n > 0 && text[n - 1] == '\n')
    n--;
  text[n > 0 ? n : 0] = '\0';
  errno = ECHILD;
  if (n > 0)
    return fail (s, "runtime", "%s", text);
  return fail (s, "runtime", "%s: wait status 0x%x", s->watch.runtime->monitor_runtime.argv[0], (unsigned) status);
}

static int
read_pid (struct shim *s)
{
  const char *path = s->watch.runtime->monitor_runtime.pid_file;
  char text[16] = "";
  cleanup_fd int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read (fd, text, sizeof text - 1) < 0)
    return fail (s, "open", "%s", path);
  s->pid = (pid_t) strtol (text, NULL, 10);
  if (s->pid <= 0)
    {
      errno = EBADMSG;
      return fail (s, "read", "%s", path);
    }
  s->pidfd = (int) syscall (SYS_pidfd_open, s->pid, 0);
  if (s->pidfd < 0)
    return fail (s, "pidfd_open", "%d", (int) s->pid);
  return 0;
}

static int
make (struct shim *s)
{
  int status = 0;
  /* Its init is to become our child when it ends. */
  if (prctl (PR_SET_CHILD_SUBREAPER, 1) < 0)
    return fail (s, "prctl", "PR_SET_CHILD_SUBREAPER");
  /* With a terminal its own words are not the container's. */
  int pair[2];
  if (s->watch.errors < 0)
    {
      if (pipe2 (pair, O_CLOEXEC | O_NONBLOCK) < 0)
        return fail (s, "pipe2", "the runtime's errors");
      s->watch.errors = pair[0];
      dup2 (pair[1], 2);
      close (pair[1]);
    }
  pid_t pid = start_runtime (&s->watch);
  if (pid < 0)
    return fail (s, "vfork", "%s", s->watch.runtime->monitor_runtime.argv[0]);
  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (status != 0)
    return tell_why (s, status);
  if (s->watch.console_listener >= 0)
    {
      fcntl (s->watch.console_listener, F_SETFL, O_NONBLOCK);
      s->watch.console = accept4 (s->watch.console_listener, NULL, NULL, SOCK_CLOEXEC);
      if (s->watch.console < 0)
        return fail (s, "accept", "the console socket");
      close_fd (&s->watch.errors);
      s->watch.errors = -1;
    }
  return read_pid (s);
}

int
adopt (struct shim *s)
{
  signal (SIGPIPE, SIG_IGN);
  if (make (s) < 0)
    {
      send_record (s->runtime, &s->failure);
      return 1;
    }
  close_fd (&s->watch.console_listener);
  let_go (s);
  struct record started = { .type = MESSAGE_STARTED, .value = s->pid, .error = getpid () };
  send_record (s->runtime, &started);
  send_message (s->runtime, MESSAGE_READY, 0);
  if (!await_go (s->runtime))
    {
      syscall (SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
      return 1;
    }
  return watch (s);
}
