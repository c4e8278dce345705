/* Namespaces, and what the shim does to init from outside while init waits. */
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <linux/sched.h>

#include "shim.h"

int
op_undumpable (struct shim *s, const struct op *op)
{
  (void) op;
  if (prctl (PR_SET_DUMPABLE, 0) < 0)
    return fail (s, "prctl", "PR_SET_DUMPABLE");
  return 0;
}

int
op_setns (struct shim *s, const struct op *op)
{
  if (syscall (SYS_setns, slot (s, op->u.setns.fd), (int) op->u.setns.nstype) < 0)
    return fail (s, "setns", "type 0x%x", (unsigned) op->u.setns.nstype);
  return 0;
}

int
op_join_user (struct shim *s, const struct op *op)
{
  s->join_user = slot (s, op->u.join_user.fd);
  return 0;
}

int
op_unshare (struct shim *s, const struct op *op)
{
  if (syscall (SYS_unshare, op->u.unshare.flags) < 0)
    return fail (s, "unshare", "flags 0x%x", (unsigned) op->u.unshare.flags);
  return 0;
}

/* /proc/PID/FILE of init, or of ourselves. */
static int
open_proc_of (struct shim *s, pid_t pid, const char *file, int flags)
{
  char path[128];
  if (pid > 0)
    snprintf (path, sizeof path, "%d/%s", (int) pid, file);
  else
    snprintf (path, sizeof path, "self/%s", file);
  return open_proc (s, path, flags);
}

static int
write_proc_of (struct shim *s, pid_t pid, const char *file, const char *data)
{
  cleanup_fd int fd = open_proc_of (s, pid, file, O_WRONLY);
  if (fd < 0)
    return fail (s, "openat2", "/proc/%s/%s", pid > 0 ? "PID" : "self", file);
  if (write_all (fd, data, strlen (data)) < 0)
    return fail (s, "write", "/proc/%s/%s", pid > 0 ? "PID" : "self", file);
  return 0;
}

int
op_write_proc (struct shim *s, const struct op *op)
{
  return write_proc_of (s, s->pid, op->u.write_proc.file, op->u.write_proc.data);
}

/* A user namespace lives as long as an fd of it is open; the child exists only to have made it. */
int
op_userns_fd (struct shim *s, const struct op *op)
{
  cleanup_fd int pidfd = -1;
  struct clone_args clone = {
    .flags = CLONE_NEWUSER | CLONE_PIDFD,
    .pidfd = (uint64_t) (uintptr_t) &pidfd,
    .exit_signal = SIGCHLD,
  };
  pid_t parent = getpid ();
  pid_t pid = (pid_t) syscall (SYS_clone3, &clone, sizeof clone);
  if (pid < 0)
    return fail (s, "clone3", "a user namespace for an idmapped mount");
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      /* The shim may have died before that took effect. */
      if (getppid () != parent)
        _exit (1);
      for (;;)
        pause ();
    }
  int result = write_proc_of (s, pid, "uid_map", op->u.userns_fd.uid_map);
  if (result == 0)
    result = write_proc_of (s, pid, "gid_map", op->u.userns_fd.gid_map);
  if (result == 0)
    {
      /* A magic link, which open_proc refuses; but the pid is our child's and the procfs is verified. */
      char path[64];
      snprintf (path, sizeof path, "%d/ns/user", (int) pid);
      int fd = openat (s->proc, path, O_RDONLY | O_CLOEXEC);
      if (fd < 0)
        result = fail (s, "openat", "/proc/PID/ns/user");
      else
        set_slot (s, op->u.userns_fd.out, fd);
    }
  siginfo_t info;
  syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
  waitid (3 /* P_PIDFD */, (id_t) pidfd, &info, WEXITED);
  return result;
}

int
op_prlimit (struct shim *s, const struct op *op)
{
  uint64_t limit[2] = { op->u.prlimit.soft, op->u.prlimit.hard };
  if (syscall (SYS_prlimit64, s->pid, (int) op->u.prlimit.resource, limit, NULL) < 0)
    return fail (s, "prlimit", "resource %d soft %llu hard %llu", (int) op->u.prlimit.resource,
                 (unsigned long long) limit[0], (unsigned long long) limit[1]);
  return 0;
}

int
op_sync (struct shim *s, const struct op *op)
{
  struct record record
      = { .type = MESSAGE_SYNC, .op = s->failure.op, .value = (int64_t) op->u.sync.point, .error = s->listener };
  int socket = s->runtime >= 0 ? s->runtime : s->peer;
  send_record (socket, &record);
  if (!await_go (socket))
    leave (1); /* the runtime gave up and says why itself; a shim that leaves takes init with it */
  return 0;
}

int
op_become_root (struct shim *s, const struct op *op)
{
  (void) op;
  if (syscall (SYS_setresgid, 0, 0, 0) < 0)
    return fail (s, "setresgid", "0");
  /* Denied in a user namespace that an ordinary user mapped by itself. */
  if (syscall (SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
    return fail (s, "setgroups", "none");
  if (syscall (SYS_setresuid, 0, 0, 0) < 0)
    return fail (s, "setresuid", "0");
  prctl (PR_SET_PDEATHSIG, SIGKILL); /* a change of credentials clears it */
  return 0;
}

int
op_loopback_up (struct shim *s, const struct op *op)
{
  (void) op;
  struct ifreq request = { .ifr_name = "lo" };
  cleanup_fd int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return fail (s, "socket", "AF_INET");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl (fd, SIOCSIFFLAGS, &request) < 0)
    return fail (s, "ioctl", "SIOCSIFFLAGS lo");
  return 0;
}

int
op_sethostname (struct shim *s, const struct op *op)
{
  const char *name = op->u.sethostname.name;
  if (syscall (SYS_sethostname, name, strlen (name)) < 0)
    return fail (s, "sethostname", "%s", name);
  return 0;
}

int
op_setdomainname (struct shim *s, const struct op *op)
{
  const char *name = op->u.setdomainname.name;
  if (syscall (SYS_setdomainname, name, strlen (name)) < 0)
    return fail (s, "setdomainname", "%s", name);
  return 0;
}

int
op_sysctl (struct shim *s, const struct op *op)
{
  const char *value = op->u.sysctl.value;
  cleanup_fd int fd = open_proc (s, op->u.sysctl.file, O_WRONLY);
  if (fd < 0)
    return fail (s, "openat2", "/proc/%s", op->u.sysctl.file);
  if (write_all (fd, value, strlen (value)) < 0)
    return fail (s, "write", "/proc/%s", op->u.sysctl.file);
  return 0;
}

int
op_session_keyring (struct shim *s, const struct op *op)
{
  enum { KEYCTL_JOIN_SESSION_KEYRING = 1, KEYCTL_SETPERM = 5, KEYCTL_DESCRIBE = 6 };
  long ring = syscall (SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, op->u.session_keyring.name);
  if (ring < 0)
    {
      if (errno == ENOSYS)
        return 0; /* a kernel without keyrings has none to leak */
      return fail (s, "keyctl", "join session keyring %s", op->u.session_keyring.name);
    }
  /* The possessor may search it: 0x08 in the top byte, beside what it may do already. */
  char text[256];
  long n = syscall (SYS_keyctl, KEYCTL_DESCRIBE, ring, text, sizeof text);
  unsigned permissions = 0;
  if (n > 0 && n <= (long) sizeof text && sscanf (text, "%*[^;];%*d;%*d;%x;", &permissions) == 1)
    syscall (SYS_keyctl, KEYCTL_SETPERM, ring, permissions | 0x080000u);
  return 0;
}
