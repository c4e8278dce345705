/* What execve passes on: ids, capabilities, limits of behaviour, labels, the working directory. */
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>

#include "shim.h"

int
op_setsid (struct shim *s, const struct op *op)
{
  (void) op;
  if (setsid () < 0)
    return fail (s, "setsid", "a new session");
  return 0;
}

int
op_umask (struct shim *s, const struct op *op)
{
  (void) s;
  umask ((mode_t) op->u.umask.mask);
  return 0;
}

int
op_personality (struct shim *s, const struct op *op)
{
  if (syscall (SYS_personality, op->u.personality.persona) < 0)
    return fail (s, "personality", "0x%llx", (unsigned long long) op->u.personality.persona);
  return 0;
}

int
op_sched_setattr (struct shim *s, const struct op *op)
{
  const uint8_t *attr = op->u.sched_setattr.attr;
  uint32_t size = 0;
  /* The kernel reads as much as the struct says that it is long. */
  if (blob_length (attr) >= sizeof size)
    memcpy (&size, attr, sizeof size);
  if (size < 48 || size > blob_length (attr))
    {
      errno = EINVAL;
      return fail (s, "sched_setattr", "a struct of %u bytes", blob_length (attr));
    }
  if (syscall (SYS_sched_setattr, 0, attr, 0) < 0)
    return fail (s, "sched_setattr", "process.scheduler");
  return 0;
}

int
op_sched_setaffinity (struct shim *s, const struct op *op)
{
  const uint8_t *mask = op->u.sched_setaffinity.mask;
  if (syscall (SYS_sched_setaffinity, 0, (size_t) blob_length (mask), mask) < 0)
    return fail (s, "sched_setaffinity", "the CPUs asked for");
  return 0;
}

int
op_ioprio_set (struct shim *s, const struct op *op)
{
  enum { IOPRIO_WHO_PROCESS = 1 };
  if (syscall (SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int) op->u.ioprio_set.ioprio) < 0)
    return fail (s, "ioprio_set", "0x%x", (unsigned) op->u.ioprio_set.ioprio);
  return 0;
}

int
op_set_mempolicy (struct shim *s, const struct op *op)
{
  const uint8_t *nodes = op->u.set_mempolicy.nodes;
  if (op->u.set_mempolicy.maxnode > (uint64_t) blob_length (nodes) * 8 + 1)
    {
      errno = EINVAL;
      return fail (s, "set_mempolicy", "%u bytes of nodes", blob_length (nodes));
    }
  if (syscall (SYS_set_mempolicy, (int) op->u.set_mempolicy.mode, blob_length (nodes) ? nodes : NULL,
               op->u.set_mempolicy.maxnode)
      < 0)
    return fail (s, "set_mempolicy", "mode 0x%x", (unsigned) op->u.set_mempolicy.mode);
  return 0;
}

int
op_lsm_label (struct shim *s, const struct op *op)
{
  char path[128];
  snprintf (path, sizeof path, "self/attr/%s", op->u.lsm_label.file);
  cleanup_fd int fd = open_proc (s, path, O_WRONLY);
  if (fd < 0)
    return fail (s, "openat2", "/proc/%s", path);
  if (write_all (fd, op->u.lsm_label.label, strlen (op->u.lsm_label.label)) < 0)
    return fail (s, "write", "%s to /proc/%s", op->u.lsm_label.label, path);
  return 0;
}

int
op_no_new_privs (struct shim *s, const struct op *op)
{
  (void) op;
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return fail (s, "prctl", "PR_SET_NO_NEW_PRIVS");
  return 0;
}

int
op_cap_bounding (struct shim *s, const struct op *op)
{
  /* What our caller had in the ambient set is not for the container. */
  if (prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
    return fail (s, "prctl", "PR_CAP_AMBIENT_CLEAR_ALL");
  for (int cap = 0; cap < 64; cap++)
    {
      if (op->u.cap_bounding.keep & 1ull << cap)
        continue;
      if (prctl (PR_CAPBSET_DROP, cap) == 0)
        continue;
      if (errno == EINVAL)
        break; /* the kernel knows none beyond */
      /* Without CAP_SETPCAP nothing can be dropped; what is not there need not be. */
      int error = errno;
      if (prctl (PR_CAPBSET_READ, cap) == 0)
        continue;
      errno = error;
      return fail (s, "prctl", "PR_CAPBSET_DROP %d", cap);
    }
  return 0;
}

int
op_set_user (struct shim *s, const struct op *op)
{
  uid_t uid = (uid_t) op->u.set_user.uid;
  gid_t gid = (gid_t) op->u.set_user.gid;
  const uint8_t *groups = op->u.set_user.groups;
  /* Root that stays root keeps them anyway; a seccomp profile may be in force here, so nothing needless. */
  bool leaves_root = geteuid () == 0 && uid != 0;
  if (leaves_root && prctl (PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
    return fail (s, "prctl", "PR_SET_KEEPCAPS");
  if (op->u.set_user.setgroups && syscall (SYS_setgroups, blob_length (groups) / sizeof (gid_t), groups) < 0)
    return fail (s, "setgroups", "%d groups", (int) (blob_length (groups) / sizeof (gid_t)));
  if (syscall (SYS_setresgid, gid, gid, gid) < 0)
    return fail (s, "setresgid", "%u", gid);
  if (syscall (SYS_setresuid, uid, uid, uid) < 0)
    return fail (s, "setresuid", "%u", uid);
  if (leaves_root && prctl (PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
    return fail (s, "prctl", "PR_SET_KEEPCAPS");
  prctl (PR_SET_PDEATHSIG, SIGKILL); /* a change of credentials clears it */
  return 0;
}

int
op_capset (struct shim *s, const struct op *op)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[2];
  for (int half = 0; half < 2; half++)
    {
      data[half].effective = (uint32_t) (op->u.capset.effective >> 32 * half);
      data[half].permitted = (uint32_t) (op->u.capset.permitted >> 32 * half);
      data[half].inheritable = (uint32_t) (op->u.capset.inheritable >> 32 * half);
    }
  if (syscall (SYS_capset, &header, data) < 0)
    return fail (s, "capset", "effective 0x%llx permitted 0x%llx inheritable 0x%llx",
                 (unsigned long long) op->u.capset.effective, (unsigned long long) op->u.capset.permitted,
                 (unsigned long long) op->u.capset.inheritable);
  return 0;
}

int
op_cap_ambient (struct shim *s, const struct op *op)
{
  for (int cap = 0; cap < 64; cap++)
    if (op->u.cap_ambient.set & 1ull << cap && prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
      return fail (s, "prctl", "PR_CAP_AMBIENT_RAISE %d", cap);
  return 0;
}

/* Runs twice, as root and as the user, because either may be the one who is let in; what is done is done. */
int
op_chdir (struct shim *s, const struct op *op)
{
  char path[PATH_MAX];
  if (s->cwd_done)
    return 0;
  if (chdir (op->u.chdir.path) < 0)
    return fail (s, "chdir", "%s", op->u.chdir.path);
  /* A cwd outside of the root reads "(unreachable)/…": it came in by a leaked fd (CVE-2024-21626). */
  if (syscall (SYS_getcwd, path, sizeof path) < 0 || path[0] != '/')
    {
      errno = ENOENT;
      return fail (s, "getcwd", "%s is outside of the container", op->u.chdir.path);
    }
  s->cwd_done = true;
  return 0;
}

int
op_seccomp (struct shim *s, const struct op *op)
{
  const uint8_t *filter = op->u.seccomp.filter;
  /* The kernel's field has sixteen bits: a longer filter would be cut short and not refused. */
  if (blob_length (filter) % sizeof (struct sock_filter) != 0 || blob_length (filter) / sizeof (struct sock_filter) > BPF_MAXINSNS)
    {
      errno = EINVAL;
      return fail (s, "seccomp", "a filter of %u bytes", blob_length (filter));
    }
  struct sock_fprog program = {
    .len = (unsigned short) (blob_length (filter) / sizeof (struct sock_filter)),
    .filter = (struct sock_filter *) (uintptr_t) filter,
  };
  long result = syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned) op->u.seccomp.flags, &program);
  if (result < 0)
    return fail (s, "seccomp", "%u instructions, flags 0x%x", program.len, (unsigned) op->u.seccomp.flags);
  if (op->u.seccomp.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
    s->listener = (int) result;
  return 0;
}
