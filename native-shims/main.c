/* The shim's table of contents: read the plan, clone, and from there two stories. */
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "shim.h"

#define PROC_SUPER_MAGIC 0x9fa0

/* Nothing of the caller's signals, and no fd but the ones we were given. */
static void
clean_slate (void)
{
  sigset_t all;
  for (int signal = 1; signal < 65; signal++)
    {
      struct sigaction action = { .sa_handler = SIG_DFL };
      sigaction (signal, &action, NULL);
    }
  /* The terminal's ^C is for the runtime to pass on, not for us to die of. */
  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
  umask (0);
  /* Started from an fd, our name would be its number. */
  prctl (PR_SET_NAME, "runt-shim");
}

static const char *
load_plan (struct shim *s)
{
  struct stat st;
  int seals = fcntl (PLAN_FD, F_GET_SEALS);
  if (seals < 0 || !(seals & F_SEAL_WRITE) || !(seals & F_SEAL_SHRINK))
    return "the plan is not sealed";
  if (fstat (PLAN_FD, &st) < 0 || st.st_size <= 0 || st.st_size > 64 << 20)
    return "the plan has no size";
  size_t size = (size_t) st.st_size;
  uint8_t *bytes = mmap (NULL, size, PROT_READ, MAP_PRIVATE, PLAN_FD, 0);
  size_t arena_size = decode_arena_size (size);
  void *arena = mmap (NULL, arena_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (bytes == MAP_FAILED || arena == MAP_FAILED)
    return "no memory for the plan";
  return decode_plan (bytes, size, &s->plan, arena, arena_size);
}

static int
take_fds (struct shim *s)
{
  unsigned end = FIRST_INHERITED_FD + s->plan.inherited;
  for (unsigned i = 0; i < PLAN_MAX_SLOTS; i++)
    s->slot[i] = -1;
  for (unsigned i = 0; i < s->plan.inherited; i++)
    s->slot[i] = FIRST_INHERITED_FD + (int) i;
  close (PLAN_FD);
  syscall (SYS_close_range, end, ~0u, 0);
  syscall (SYS_close_range, RUNTIME_FD, end - 1, 4u /* CLOSE_RANGE_CLOEXEC */);

  struct statfs fs;
  s->proc = open ("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (s->proc < 0)
    return fail (s, "open", "/proc");
  if (fstatfs (s->proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
    {
      errno = EINVAL;
      return fail (s, "fstatfs", "/proc is not a procfs");
    }
  return 0;
}

/* Init: from clone to execve. Does not return. */
static void
be_init (struct shim *s)
{
  sigset_t none;
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  close (s->runtime);
  s->runtime = -1;
  s->pid = 0;
  prctl (PR_SET_NAME, "runt-init");
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  /* The shim may have died before that took effect: then nobody answers here either. */
  if (!await_go (s->peer))
    _exit (1);
  run_phase (s, PHASE_INIT);
  send_record (s->fifo >= 0 ? s->fifo : s->peer, &s->failure);
  _exit (1);
}

int
main (void)
{
  struct shim s = { .runtime = RUNTIME_FD, .peer = -1, .proc = -1, .root = -1, .start = -1, .fifo = -1, .listener = -1, .pidfd = -1 };
  int pair[2];

  clean_slate ();
  const char *wrong = load_plan (&s);
  if (wrong)
    {
      errno = EBADMSG;
      fail (&s, "decode", "%s", wrong);
      goto failed;
    }
  if (take_fds (&s) < 0 || run_phase (&s, PHASE_SHIM) < 0)
    goto failed;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    {
      fail (&s, "socketpair", "between shim and init");
      goto failed;
    }
  struct clone_args clone = {
    .flags = s.plan.clone_flags | CLONE_PIDFD | (s.plan.cgroup != NO_SLOT ? CLONE_INTO_CGROUP : 0),
    .pidfd = (uint64_t) (uintptr_t) &s.pidfd,
    .exit_signal = SIGCHLD,
    .cgroup = s.plan.cgroup != NO_SLOT ? (uint64_t) s.slot[s.plan.cgroup] : 0,
  };
  s.failure.op = s.plan.first[PHASE_PARENT];
  s.pid = (pid_t) syscall (SYS_clone3, &clone, sizeof clone);
  if (s.pid < 0)
    {
      fail (&s, "clone3", "flags 0x%llx", (unsigned long long) clone.flags);
      goto failed;
    }
  if (s.pid == 0)
    {
      close (pair[0]);
      s.peer = pair[1];
      be_init (&s);
    }
  close (pair[1]);
  s.peer = pair[0];
  return attend (&s);

failed:
  send_record (s.runtime, &s.failure);
  return 1;
}
