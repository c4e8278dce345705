/* Single files in the rootfs: directories, links, device nodes. */
#include <sys/sysmacros.h>

#include "shim.h"

int
op_mkdir (struct shim *s, const struct op *op)
{
  if (make_in_root (s, op->u.mkdir.path, MAKE_DIRECTORY, (mode_t) op->u.mkdir.mode) < 0)
    return fail (s, "mkdirat", "%s", op->u.mkdir.path);
  return 0;
}

int
op_symlink (struct shim *s, const struct op *op)
{
  const char *name;
  cleanup_fd int parent = open_parent_in_root (s, op->u.symlink.path, &name);
  if (parent < 0)
    return fail (s, "openat2", "the directory of %s", op->u.symlink.path);
  if (symlinkat (op->u.symlink.target, parent, name) < 0 && errno != EEXIST)
    return fail (s, "symlinkat", "%s", op->u.symlink.path);
  return 0;
}

int
op_mknod (struct shim *s, const struct op *op)
{
  const char *path = op->u.mknod.path, *name;
  mode_t mode = (mode_t) op->u.mknod.mode;
  dev_t device = makedev ((unsigned) op->u.mknod.major, (unsigned) op->u.mknod.minor);
  struct stat st;
  cleanup_fd int parent = open_parent_in_root (s, path, &name);
  if (parent < 0)
    return fail (s, "openat2", "the directory of %s", path);
  if (mknodat (parent, name, mode, device) == 0)
    {
      if (fchownat (parent, name, (uid_t) op->u.mknod.uid, (gid_t) op->u.mknod.gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail (s, "fchownat", "%s", path);
      return 0;
    }
  if (errno != EEXIST)
    return fail (s, "mknodat", "%s", path);
  if (fstatat (parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return fail (s, "fstatat", "%s", path);
  if ((st.st_mode & S_IFMT) != (mode & S_IFMT) || (!S_ISFIFO (mode) && st.st_rdev != device))
    {
      errno = EEXIST;
      return fail (s, "mknodat", "%s: there is something else", path);
    }
  return 0;
}
