/* tmpcopyup: what a directory of the image holds, copied into the tmpfs that is about to cover it. */
#include <dirent.h>
#include <limits.h>
#include <sys/sendfile.h>

#include "shim.h"

#define MAX_DEPTH 64

struct linux_dirent64
{
  uint64_t d_ino;
  int64_t d_off;
  uint16_t d_reclen;
  uint8_t d_type;
  char d_name[];
};

static int copy_directory (struct shim *s, int from, int to, int depth);

static int
copy_attributes (int to, const char *name, const struct stat *st)
{
  struct timespec times[2] = { st->st_atim, st->st_mtim };
  if (fchownat (to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
    return -1;
  /* chown clears setuid bits, so the mode comes after it; a symlink has none. */
  if (!S_ISLNK (st->st_mode) && fchmodat (to, name, st->st_mode & 07777, 0) < 0)
    return -1;
  return utimensat (to, name, times, AT_SYMLINK_NOFOLLOW);
}

static int
copy_file (int from, int to, const char *name)
{
  /* Without waiting for a writer, should it be a fifo by now. */
  cleanup_fd int in = openat (from, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  cleanup_fd int out = openat (to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (in < 0 || out < 0)
    return -1;
  for (;;)
    {
      ssize_t n = sendfile (out, in, NULL, 1 << 20);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return (int) n;
    }
}

static int
copy_entry (struct shim *s, int from, int to, const char *name, int depth)
{
  struct stat st;
  char target[PATH_MAX];
  if (fstatat (from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return -1;
  switch (st.st_mode & S_IFMT)
    {
    case S_IFDIR:
      {
        if (mkdirat (to, name, 0700) < 0)
          return -1;
        cleanup_fd int in = openat (from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        cleanup_fd int out = openat (to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (in < 0 || out < 0 || copy_directory (s, in, out, depth + 1) < 0)
          return -1;
        break;
      }
    case S_IFREG:
      if (copy_file (from, to, name) < 0)
        return -1;
      break;
    case S_IFLNK:
      {
        ssize_t n = readlinkat (from, name, target, sizeof target - 1);
        if (n < 0)
          return -1;
        target[n] = '\0';
        if (symlinkat (target, to, name) < 0)
          return -1;
        break;
      }
    case S_IFSOCK:
      return 0; /* nobody can be listening in the copy */
    default:
      if (mknodat (to, name, st.st_mode, st.st_rdev) < 0)
        return -1;
    }
  return copy_attributes (to, name, &st);
}

static int
copy_directory (struct shim *s, int from, int to, int depth)
{
  char buffer[2048] __attribute__ ((aligned (8)));
  if (depth > MAX_DEPTH)
    {
      errno = ELOOP;
      return -1;
    }
  for (;;)
    {
      long n = syscall (SYS_getdents64, from, buffer, sizeof buffer);
      if (n <= 0)
        return (int) n;
      for (long at = 0; at < n;)
        {
          const struct linux_dirent64 *entry = (const void *) (buffer + at);
          at += entry->d_reclen;
          if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0)
            continue;
          if (copy_entry (s, from, to, entry->d_name, depth) < 0)
            return -1;
        }
    }
}

int
op_copy_up (struct shim *s, const struct op *op)
{
  struct stat st;
  cleanup_fd int from = open_in_root (s, op->u.copy_up.path, O_RDONLY | O_DIRECTORY, 0);
  if (from < 0)
    return errno == ENOENT ? 0 : fail (s, "openat2", "%s", op->u.copy_up.path);
  cleanup_fd int to = openat (slot (s, op->u.copy_up.tree), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (to < 0 || copy_directory (s, from, to, 0) < 0)
    return fail (s, "copy", "%s", op->u.copy_up.path);
  if (fstat (from, &st) < 0 || fchown (to, st.st_uid, st.st_gid) < 0)
    return fail (s, "fchown", "%s", op->u.copy_up.path);
  return 0;
}
