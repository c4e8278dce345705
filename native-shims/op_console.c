/* The terminal: a pty of the container's own devpts becomes stdio, and its master leaves by a socket. */
#include <linux/mount.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <termios.h>

#include "shim.h"

#define DEVPTS_SUPER_MAGIC 0x1cd1
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO ('T', 0x41)
#endif

static int
send_master (int socket, int master)
{
  /* The data is a name for the fd; receivers want at least one byte. */
  char name[] = "/dev/ptmx";
  union { struct cmsghdr header; char space[CMSG_SPACE (sizeof (int))]; } control = { 0 };
  struct iovec io = { .iov_base = name, .iov_len = sizeof name - 1 };
  struct msghdr message = {
    .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control,
  };
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (&control.header), &master, sizeof master);
  return sendmsg (socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* The terminal on /dev/console, mounted from the fd and not from a name that could be another's by now
 * (CVE-2025-52565). */
static int
bind_console (struct shim *s, int terminal)
{
  if (make_in_root (s, "/dev/console", MAKE_FILE, 0600) < 0)
    return fail (s, "openat", "/dev/console");
  cleanup_fd int target = open_in_root (s, "/dev/console", O_PATH, RESOLVE_NO_SYMLINKS);
  if (target < 0)
    return fail (s, "openat2", "/dev/console");
  cleanup_fd int tree = (int) syscall (SYS_open_tree, terminal, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0)
    return fail (s, "open_tree", "the terminal");
  if (syscall (SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
    return fail (s, "move_mount", "/dev/console");
  return 0;
}

int
op_console (struct shim *s, const struct op *op)
{
  struct statfs fs;
  int unlock = 0;
  cleanup_fd int master = open_in_root (s, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
  if (master < 0)
    return fail (s, "openat2", "/dev/pts/ptmx");
  if (fstatfs (master, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
    {
      errno = ENODEV;
      return fail (s, "fstatfs", "/dev/pts is not a devpts");
    }
  if (ioctl (master, TIOCSPTLCK, &unlock) < 0)
    return fail (s, "ioctl", "TIOCSPTLCK");
  /* By the master, not by a path: nobody can put another terminal in between. */
  cleanup_fd int terminal = ioctl (master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0)
    return fail (s, "ioctl", "TIOCGPTPEER");
  if (op->u.console.rows || op->u.console.columns)
    {
      struct winsize size = { .ws_row = (unsigned short) op->u.console.rows, .ws_col = (unsigned short) op->u.console.columns };
      if (ioctl (terminal, TIOCSWINSZ, &size) < 0)
        return fail (s, "ioctl", "TIOCSWINSZ");
    }
  if (fchown (terminal, (uid_t) op->u.console.uid, (gid_t) op->u.console.gid) < 0 && errno != EPERM && errno != EINVAL)
    return fail (s, "fchown", "the terminal");
  if (op->u.console.bind && bind_console (s, terminal) < 0)
    return -1;
  if (send_master (slot (s, op->u.console.socket), master) < 0)
    return fail (s, "sendmsg", "the terminal to the console socket");
  if (ioctl (terminal, TIOCSCTTY, 0) < 0)
    return fail (s, "ioctl", "TIOCSCTTY");
  for (int fd = 0; fd < 3; fd++)
    if (dup2 (terminal, fd) < 0)
      return fail (s, "dup2", "the terminal to %d", fd);
  return 0;
}

/* So that the process can open /dev/stdout again when it is not root. */
int
op_chown_stdio (struct shim *s, const struct op *op)
{
  struct stat st;
  (void) s;
  for (int fd = 0; fd < 3; fd++)
    {
      if (fstat (fd, &st) < 0 || st.st_uid == (uid_t) op->u.chown_stdio.uid)
        continue;
      /* Pipes and sockets were made for this; a terminal or a log file is somebody's. */
      if (!S_ISFIFO (st.st_mode) && !S_ISSOCK (st.st_mode))
        continue;
      /* Not ours to give away: a read-only file system, an owner outside of our user namespace. Then it stays. */
      if (fchown (fd, (uid_t) op->u.chown_stdio.uid, (gid_t) op->u.chown_stdio.gid) < 0)
        continue;
    }
  return 0;
}
