/* The shim's table of contents: read the plan, clone, and from there two stories. */
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>

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

/* A network namespace takes the kernel longer than all the others and the mounts together, and nothing that is still to be
 * found out has to do with it. */
static void
anticipate_network (struct shim *s)
{
  /* Root of a user namespace may make one, but not go back to one that is not its own. What else stands against it, clone3
   * will meet again and report. */
  if (!s->network_made && syscall (SYS_setns, NETWORK_FD, CLONE_NEWNET) == 0)
    s->network_made = syscall (SYS_unshare, CLONE_NEWNET) == 0;
}

/* Only init is to be in the new one: what the shim starts later, for itself or for the runtime, is the host's. */
static int
leave_network (struct shim *s)
{
  if (s->network_made && syscall (SYS_setns, NETWORK_FD, CLONE_NEWNET) < 0)
    return fail (s, "setns", "back to the network namespace of the host");
  close (NETWORK_FD);
  return 0;
}

/* Takes what the runtime sends next: fds, which get the lowest free numbers in their order. Returns how many, 0 once the
 * runtime is gone. */
static int
receive_fds (struct shim *s)
{
  char byte;
  union { struct cmsghdr header; char space[CMSG_SPACE (SCM_MAX_FD * sizeof (int))]; } control;
  struct iovec io = { .iov_base = &byte, .iov_len = 1 };
  struct msghdr message = {
    .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
  };
  ssize_t n;
  for (;;)
    {
      n = recvmsg (RUNTIME_FD, &message, 0);
      if (n < 0 && errno == EINTR)
        continue;
      if (n != 1 || byte != ANTICIPATE_NETWORK)
        break;
      anticipate_network (s);
      message.msg_controllen = sizeof control;
    }
  struct cmsghdr *header = n == 1 && !(message.msg_flags & MSG_CTRUNC) ? CMSG_FIRSTHDR (&message) : NULL;
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
    return 0;
  return (int) ((header->cmsg_len - CMSG_LEN (0)) / sizeof (int));
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

/* stdio, the plan, and what the plan calls inherited: we were started with the socket alone, before any of it was known. */
static int
receive_all (struct shim *s, const char **wrong)
{
  /* A file that the runtime should not have left open to us would take a number. */
  syscall (SYS_close_range, RUNTIME_FD + 1, ~0u, 0);
  int host = open ("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  dup3 (host >= 0 ? host : RUNTIME_FD, NETWORK_FD, O_CLOEXEC);
  close (host);
  syscall (SYS_close_range, 0, RUNTIME_FD - 1, 0);
  int count = receive_fds (s);
  if (count == 0)
    return -1;
  *wrong = count < FIRST_INHERITED_FD - 2 ? "no plan came" : load_plan (s);
  while (!*wrong && (unsigned) count < FIRST_INHERITED_FD - 2 + s->plan.inherited)
    {
      int more = receive_fds (s);
      if (more == 0)
        return -1;
      count += more;
    }
  return 0;
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
  if (s->fifo >= 0 && s->plan.stay == STAY_MONITOR)
    send_record (s->peer, &s->failure);
  leave (1);
}

/* What a child of ours needs to make init in our place. */
struct birth
{
  struct shim *s;
  struct clone_args *clone;
  int error;
  int socket; /* init's */
  int ours;   /* the other end, which it is not to keep open itself */
};

/* In a process that shares our memory and our fds: joins init's user namespace and makes init a child of ours. */
static int
give_birth (void *argument)
{
  struct birth *birth = argument;
  if (syscall (SYS_setns, birth->s->join_user, CLONE_NEWUSER) < 0)
    {
      birth->error = errno;
      return 1;
    }
  long pid = syscall (SYS_clone3, birth->clone, sizeof *birth->clone);
  if (pid == 0)
    {
      close (NETWORK_FD);
      close (birth->ours);
      birth->s->peer = birth->socket;
      be_init (birth->s);
    }
  birth->error = pid < 0 ? errno : 0;
  return 0;
}

/* Whoever joins a user namespace loses every right outside of it, for good. The monitor needs them when init has ended, so
 * that a child joins instead. Returns init's pid. */
static pid_t
clone_in_user (struct shim *s, struct clone_args *args, const int *pair)
{
  enum { STACK = 1 << 20 };
  struct birth birth = { .s = s, .clone = args, .error = EAGAIN, .ours = pair[0], .socket = pair[1] };
  char *stack = mmap (NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED)
    return fail (s, "mmap", "a stack");
  args->flags |= CLONE_PARENT;
  args->exit_signal = 0;
  pid_t midwife = clone (give_birth, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &birth);
  int status;
  if (midwife < 0)
    return fail (s, "clone", "to join the user namespace");
  while (waitpid (midwife, &status, 0) < 0 && errno == EINTR)
    ;
  munmap (stack, STACK);
  if (birth.error != 0)
    {
      errno = birth.error;
      return fail (s, WEXITSTATUS (status) ? "setns" : "clone3", "the user namespace to join");
    }
  /* The number that the other has got may be one of another pid namespace. */
  char path[64], text[512];
  snprintf (path, sizeof path, "self/fdinfo/%d", s->pidfd);
  cleanup_fd int info = open_proc (s, path, O_RDONLY);
  ssize_t n = info < 0 ? -1 : read (info, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = '\0';
  const char *line = strstr (text, "Pid:");
  int pid = 0;
  if (!line || sscanf (line, "Pid: %d", &pid) != 1 || pid <= 0)
    return fail (s, "read", "/proc/%s", path);
  return pid;
}

int
main (void)
{
  struct shim s = {
    .runtime = RUNTIME_FD, .peer = -1, .proc = -1, .root = -1, .start = -1, .fifo = -1, .listener = -1, .pidfd = -1,
    .join_user = -1,
    .watch = { .listener = -1, .record = -1, .log_fd = -1, .input = -1, .output = -1, .errors = -1, .console = -1,
               .console_listener = -1 },
  };
  int pair[2];

  clean_slate ();
  const char *wrong;
  if (receive_all (&s, &wrong) < 0)
    return 1;
  if (wrong)
    {
      errno = EBADMSG;
      fail (&s, "decode", "%s", wrong);
      goto failed;
    }
  /* A monitor outlives the runtime, so it is not to be its child: it would be a zombie of a program that goes on. */
  if (s.plan.stay == STAY_MONITOR && fork () > 0)
    _exit (0);
  if (take_fds (&s) < 0 || run_phase (&s, PHASE_SHIM) < 0)
    goto failed;
  if (s.watch.runtime)
    return adopt (&s);

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    {
      fail (&s, "socketpair", "between shim and init");
      goto failed;
    }
  uint64_t made = s.network_made ? CLONE_NEWNET : 0;
  struct clone_args args = {
    .flags = (s.plan.clone_flags & ~made) | CLONE_PIDFD | (s.plan.cgroup != NO_SLOT ? CLONE_INTO_CGROUP : 0),
    .pidfd = (uint64_t) (uintptr_t) &s.pidfd,
    .exit_signal = SIGCHLD,
    .cgroup = s.plan.cgroup != NO_SLOT ? (uint64_t) s.slot[s.plan.cgroup] : 0,
  };
  s.failure.op = s.plan.first[PHASE_PARENT];
  if (s.join_user >= 0)
    {
      if ((s.pid = clone_in_user (&s, &args, pair)) < 0)
        goto failed;
    }
  else if ((s.pid = (pid_t) syscall (SYS_clone3, &args, sizeof args)) < 0)
    {
      fail (&s, "clone3", "flags 0x%llx", (unsigned long long) args.flags);
      goto failed;
    }
  if (s.pid == 0)
    {
      close (pair[0]);
      close (NETWORK_FD);
      s.peer = pair[1];
      be_init (&s);
    }
  close (pair[1]);
  s.peer = pair[0];
  if (leave_network (&s) < 0)
    goto failed;
  return attend (&s);

failed:
  send_record (s.runtime, &s.failure);
  return 1;
}
