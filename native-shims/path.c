/* Paths in the rootfs and in procfs. The image owns every symlink in the rootfs, so nothing is looked up by
 * a path string from the host's root: openat2(2) keeps each lookup below a directory fd. */
#include <limits.h>

#include "shim.h"

int
open_beneath (int directory, const char *path, uint64_t flags, uint64_t resolve)
{
  struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };
  /* EAGAIN: something was renamed during the lookup, which the kernel cannot then vouch for. */
  for (int tries = 0; tries < 128; tries++)
    {
      int fd = (int) syscall (SYS_openat2, directory, path, &how, sizeof how);
      if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
        return fd;
    }
  return -1;
}

int
open_in_root (struct shim *s, const char *path, uint64_t flags, uint64_t resolve)
{
  return open_beneath (s->root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
}

/* `built` loses its last component. */
static void
strip_last (char *built)
{
  char *slash = strrchr (built, '/');
  *(slash ? slash : built) = '\0';
}

/* Walks `path` by hand, making what is missing. `built` is the part walked so far and has no symlinks, so
 * that `..` can be taken literally; a symlink puts its target in front of what is left to walk. */
int
make_in_root (struct shim *s, const char *path, int make, mode_t mode)
{
  char built[PATH_MAX] = "";
  char todo[PATH_MAX];
  int links = 0;

  if (snprintf (todo, sizeof todo, "%s", path) >= (int) sizeof todo)
    {
      errno = ENAMETOOLONG;
      return -1;
    }
  char *next = todo;
  while (*next)
    {
      while (*next == '/')
        next++;
      if (!*next)
        break;
      char name[NAME_MAX + 1];
      size_t length = strcspn (next, "/");
      if (length > NAME_MAX)
        {
          errno = ENAMETOOLONG;
          return -1;
        }
      memcpy (name, next, length);
      name[length] = '\0';
      next += length;
      bool last = next[strspn (next, "/")] == '\0';
      if (strcmp (name, ".") == 0)
        continue;
      if (strcmp (name, "..") == 0)
        {
          strip_last (built);
          continue;
        }

      cleanup_fd int parent = open_in_root (s, *built ? built : "/", O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
      if (parent < 0)
        return -1;
      struct stat st;
      if (fstatat (parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        {
          if (errno != ENOENT)
            return -1;
          if (last && make == MAKE_FILE)
            {
              int fd = openat (parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
              if (fd < 0 && errno != EEXIST)
                return -1;
              if (fd >= 0)
                close (fd);
            }
          else if (mkdirat (parent, name, last ? mode : 0755) < 0 && errno != EEXIST)
            return -1;
          if (fstatat (parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return -1;
        }
      if (S_ISLNK (st.st_mode))
        {
          char target[PATH_MAX], rest[PATH_MAX];
          ssize_t n = readlinkat (parent, name, target, sizeof target - 1);
          if (n < 0)
            return -1;
          target[n] = '\0';
          if (++links > 40)
            {
              errno = ELOOP;
              return -1;
            }
          if (snprintf (rest, sizeof rest, "%s/%s", target, next) >= (int) sizeof rest)
            {
              errno = ENAMETOOLONG;
              return -1;
            }
          if (target[0] == '/')
            built[0] = '\0';
          memcpy (todo, rest, sizeof todo);
          next = todo;
          continue;
        }
      size_t at = strlen (built);
      if (at + length + 2 > sizeof built)
        {
          errno = ENAMETOOLONG;
          return -1;
        }
      built[at] = '/';
      memcpy (built + at + 1, name, length + 1);
    }
  return 0;
}

int
open_parent_in_root (struct shim *s, const char *path, const char **name)
{
  char parent[PATH_MAX];
  if (snprintf (parent, sizeof parent, "%s", path) >= (int) sizeof parent)
    {
      errno = ENAMETOOLONG;
      return -1;
    }
  const char *slash = strrchr (path, '/');
  *name = slash ? slash + 1 : path;
  strip_last (parent);
  const char *directory = *parent ? parent : "/";
  int fd = open_in_root (s, directory, O_PATH | O_DIRECTORY, 0);
  if (fd >= 0 || errno != ENOENT)
    return fd;
  if (make_in_root (s, directory, MAKE_DIRECTORY, 0755) < 0)
    return -1;
  return open_in_root (s, directory, O_PATH | O_DIRECTORY, 0);
}

/* Below the procfs that was there before the container: no mount on the way, no link out of it. `self` is a
 * link, so links as such must be allowed; magic ones are not. */
int
open_proc (struct shim *s, const char *path, int flags)
{
  return open_beneath (s->proc, path, (uint64_t) flags, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
}

int
write_all (int fd, const char *data, size_t length)
{
  /* One write: procfs and cgroupfs take a value whole or not at all. */
  ssize_t n;
  do
    n = write (fd, data, length);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return -1;
  if ((size_t) n != length)
    {
      errno = EIO;
      return -1;
    }
  return 0;
}
