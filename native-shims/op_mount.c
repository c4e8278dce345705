/* Mounts, made as fds: fsopen or open_tree, then mount_setattr, then move_mount onto an fd in the rootfs. */
#include <linux/mount.h>
#include <limits.h>

#include "shim.h"

#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
#ifndef UMOUNT_NOFOLLOW
#define UMOUNT_NOFOLLOW 8
#endif

static int
setattr (int fd, const char *path, uint64_t at_flags, uint64_t set, uint64_t clear, uint64_t propagation, int userns)
{
  struct mount_attr attr = {
    .attr_set = set,
    .attr_clr = clear,
    .propagation = propagation,
    .userns_fd = userns >= 0 ? (uint64_t) userns : 0,
  };
  return (int) syscall (SYS_mount_setattr, fd, path, (unsigned) at_flags, &attr, sizeof attr);
}

static int
move_onto (int tree, int destination)
{
  return (int) syscall (SYS_move_mount, tree, "", destination, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int
clone_of (int fd, bool recursive)
{
  return (int) syscall (SYS_open_tree, fd, "",
                        AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0u));
}

int
op_propagation (struct shim *s, const struct op *op)
{
  if (setattr (AT_FDCWD, op->u.propagation.path, op->u.propagation.at_flags, 0, 0, op->u.propagation.propagation, -1) < 0)
    return fail (s, "mount_setattr", "propagation of %s", op->u.propagation.path);
  return 0;
}

int
op_open_tree (struct shim *s, const struct op *op)
{
  int fd = (int) syscall (SYS_open_tree, slot (s, op->u.open_tree.dir), op->u.open_tree.path,
                          (unsigned) op->u.open_tree.flags | OPEN_TREE_CLOEXEC);
  if (fd < 0)
    return fail (s, "open_tree", "%s", op->u.open_tree.path);
  set_slot (s, op->u.open_tree.out, fd);
  return 0;
}

/* Whoever writes below `root` may exchange what is there for a link at any moment. What counts is what the one lookup has
 * found: the copy is of the fd, whatever its path leads to by then. */
int
op_open_tree_beneath (struct shim *s, const struct op *op)
{
  const char *root = op->u.open_tree_beneath.root, *path = op->u.open_tree_beneath.path;
  cleanup_fd int top = open (root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (top < 0)
    return fail (s, "open", "%s", root);
  cleanup_fd int part = open_beneath (top, path, O_PATH, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  if (part < 0)
    return fail (s, "openat2", "%s below %s", path, root);
  int fd = (int) syscall (SYS_open_tree, part, "",
                          (unsigned) op->u.open_tree_beneath.flags | AT_EMPTY_PATH | OPEN_TREE_CLOEXEC);
  if (fd < 0)
    return fail (s, "open_tree", "%s below %s", path, root);
  set_slot (s, op->u.open_tree_beneath.out, fd);
  return 0;
}

int
op_tree_setattr (struct shim *s, const struct op *op)
{
  int userns = op->u.tree_setattr.userns == NO_SLOT ? -1 : slot (s, op->u.tree_setattr.userns);
  if (userns < 0 && op->u.tree_setattr.userns != NO_SLOT)
    {
      errno = EBADF;
      return fail (s, "mount_setattr", "no user namespace to map with");
    }
  if (setattr (slot (s, op->u.tree_setattr.tree), "", AT_EMPTY_PATH | op->u.tree_setattr.at_flags, op->u.tree_setattr.set,
               op->u.tree_setattr.clear, op->u.tree_setattr.propagation, userns)
      < 0)
    return fail (s, "mount_setattr", "set 0x%llx clear 0x%llx%s", (unsigned long long) op->u.tree_setattr.set,
                 (unsigned long long) op->u.tree_setattr.clear, userns >= 0 ? ", idmapped" : "");
  return 0;
}

/* The kernel explains itself on the fs fd: "e overlay: …". */
static int
fail_fs (struct shim *s, int fs, const char *call, const char *type, const char *option)
{
  int error = errno;
  char text[256] = "";
  ssize_t n = read (fs, text, sizeof text - 1);
  if (n > 2)
    {
      text[n] = '\0';
      text[strcspn (text, "\n")] = '\0';
    }
  errno = error;
  return fail (s, call, "%s%s%s%s%s", type, *option ? " " : "", option, n > 2 ? ": " : "", n > 2 ? text + 2 : "");
}

int
op_fsmount (struct shim *s, const struct op *op)
{
  const char *type = op->u.fsmount.type;
  cleanup_fd int fs = (int) syscall (SYS_fsopen, type, FSOPEN_CLOEXEC);
  if (fs < 0)
    return fail (s, "fsopen", "%s", type);
  for (const char *const *option = op->u.fsmount.options; *option; option++)
    {
      char key[256];
      const char *equals = strchr (*option, '=');
      size_t length = equals ? (size_t) (equals - *option) : strlen (*option);
      if (length >= sizeof key)
        {
          errno = EINVAL;
          return fail (s, "fsconfig", "%s: an option's name is too long", type);
        }
      memcpy (key, *option, length);
      key[length] = '\0';
      if (syscall (SYS_fsconfig, fs, equals ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, equals ? equals + 1 : NULL, 0) < 0)
        return fail_fs (s, fs, "fsconfig", type, *option);
    }
  if (syscall (SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    return fail_fs (s, fs, "fsconfig", type, "");
  int tree = (int) syscall (SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned) op->u.fsmount.attrs);
  if (tree < 0)
    return fail_fs (s, fs, "fsmount", type, "");
  set_slot (s, op->u.fsmount.out, tree);
  return 0;
}

/* In a mount namespace of our own nobody sees the moment in which it is mounted. */
int
op_mount (struct shim *s, const struct op *op)
{
  const char *place = op->u.mount.place;
  if (syscall (SYS_mount, op->u.mount.source, place, op->u.mount.type, op->u.mount.flags, op->u.mount.data) < 0)
    return fail (s, "mount", "%s %s", op->u.mount.type, op->u.mount.data);
  int tree = (int) syscall (SYS_open_tree, AT_FDCWD, place, AT_SYMLINK_NOFOLLOW | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  int error = errno;
  if (syscall (SYS_umount2, place, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
    return fail (s, "umount2", "%s", place);
  errno = error;
  if (tree < 0)
    return fail (s, "open_tree", "%s", place);
  set_slot (s, op->u.mount.out, tree);
  return 0;
}

/* OverlayFS takes its layers by path, and only from the mount namespace that it is mounted in. */
int
op_private_mounts (struct shim *s, const struct op *op)
{
  (void) op;
  s->former[0] = openat (s->proc, "self/ns/mnt", O_RDONLY | O_CLOEXEC);
  s->former[1] = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  s->former[2] = open (".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (s->former[0] < 0 || s->former[1] < 0 || s->former[2] < 0)
    return fail (s, "open", "/proc/self/ns/mnt, / and .");
  if (syscall (SYS_unshare, 0x20000 /* CLONE_NEWNS */) < 0)
    return fail (s, "unshare", "a mount namespace for a while");
  if (setattr (AT_FDCWD, "/", AT_RECURSIVE, 0, 0, 1u << 18 /* MS_PRIVATE */, -1) < 0)
    return fail (s, "mount_setattr", "propagation of /");
  return 0;
}

int
op_former_mounts (struct shim *s, const struct op *op)
{
  (void) op;
  if (syscall (SYS_setns, s->former[0], 0x20000 /* CLONE_NEWNS */) < 0)
    return fail (s, "setns", "back to the mount namespace of the host");
  /* It has put us at the namespace's root, and ours may be another one. */
  if (fchdir (s->former[1]) < 0 || syscall (SYS_chroot, ".") < 0 || fchdir (s->former[2]) < 0)
    return fail (s, "chroot", "back to the root that it was");
  for (int i = 0; i < 3; i++)
    close (s->former[i]);
  return 0;
}

int
op_cover (struct shim *s, const struct op *op)
{
  const char *path = op->u.cover.path;
  cleanup_fd int destination = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (destination < 0)
    return fail (s, "open", "%s", path);
  if (move_onto (slot (s, op->u.cover.tree), destination) < 0)
    return fail (s, "move_mount", "%s", path);
  return 0;
}

int
op_attach_root (struct shim *s, const struct op *op)
{
  const char *path = op->u.attach_root.path;
  int tree = slot (s, op->u.attach_root.tree);
  /* No symlink at its end: who could change it could choose another rootfs. */
  cleanup_fd int destination = open (path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (destination < 0)
    return fail (s, "open", "%s", path);
  if (move_onto (tree, destination) < 0)
    return fail (s, "move_mount", "%s", path);
  s->root = tree;
  return 0;
}

int
op_root_is_current (struct shim *s, const struct op *op)
{
  (void) op;
  s->root = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (s->root < 0)
    return fail (s, "open", "/");
  return 0;
}

static bool
is_directory (int fd)
{
  struct stat st;
  return fstat (fd, &st) == 0 && S_ISDIR (st.st_mode);
}

int
op_move_mount (struct shim *s, const struct op *op)
{
  const char *path = op->u.move_mount.path;
  uint64_t resolve = op->u.move_mount.strict ? RESOLVE_NO_SYMLINKS : 0;
  int tree = slot (s, op->u.move_mount.tree);
  int make = (int) op->u.move_mount.make;
  if (make == MAKE_ALIKE)
    make = is_directory (tree) ? MAKE_DIRECTORY : MAKE_FILE;
  cleanup_fd int destination = open_in_root (s, path, O_PATH, resolve);
  if (destination < 0 && errno == ENOENT && make != MAKE_NOTHING)
    {
      if (make_in_root (s, path, make, make == MAKE_FILE ? 0644 : 0755) < 0)
        return fail (s, "mkdirat", "%s", path);
      destination = open_in_root (s, path, O_PATH, resolve);
    }
  if (destination < 0)
    return fail (s, "openat2", "%s", path);
  if (op->u.move_mount.strict)
    {
      struct stat st;
      if (fstat (destination, &st) < 0 || !S_ISDIR (st.st_mode))
        {
          errno = ENOTDIR;
          return fail (s, "fstat", "%s: must be mounted on a directory", path);
        }
    }
  if (move_onto (tree, destination) < 0)
    {
      /* As mount(2) says it, so that it can be told from what else the kernel has no better word for. */
      if (errno == EINVAL)
        errno = is_directory (tree) == is_directory (destination) ? EINVAL : ENOTDIR;
      return fail (s, "move_mount", "%s", path);
    }
  return 0;
}

int
op_copy_mode (struct shim *s, const struct op *op)
{
  struct stat st;
  cleanup_fd int covered = open_in_root (s, op->u.copy_mode.path, O_PATH, 0);
  if (covered < 0)
    return 0; /* nothing there to take a mode from */
  if (fstat (covered, &st) < 0)
    return fail (s, "fstat", "%s", op->u.copy_mode.path);
  cleanup_fd int tree = openat (slot (s, op->u.copy_mode.tree), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (tree < 0 || fchmod (tree, st.st_mode & 07777) < 0)
    return fail (s, "fchmod", "%s", op->u.copy_mode.path);
  return 0;
}

int
op_mount_setattr (struct shim *s, const struct op *op)
{
  const char *path = op->u.mount_setattr.path;
  cleanup_fd int fd = open_in_root (s, path, O_PATH, 0);
  if (fd < 0)
    return fail (s, "openat2", "%s", path);
  if (setattr (fd, "", AT_EMPTY_PATH | op->u.mount_setattr.at_flags, op->u.mount_setattr.set, op->u.mount_setattr.clear,
               op->u.mount_setattr.propagation, -1)
      < 0)
    return fail (s, "mount_setattr", "%s", path);
  return 0;
}

int
op_check_device (struct shim *s, const struct op *op)
{
  struct stat st;
  if (fstat (slot (s, op->u.check_device.fd), &st) < 0)
    return fail (s, "fstat", "a device");
  uint64_t number = (uint64_t) st.st_rdev;
  uint64_t major = (number >> 8 & 0xfff) | (number >> 32 & ~(uint64_t) 0xfff);
  uint64_t minor = (number & 0xff) | (number >> 12 & 0xffffff00);
  if ((st.st_mode & S_IFMT) != op->u.check_device.type || major != op->u.check_device.major || minor != op->u.check_device.minor)
    {
      errno = ENODEV;
      return fail (s, "fstat", "not the device %d:%d", (int) op->u.check_device.major,
                   (int) op->u.check_device.minor);
    }
  return 0;
}

int
op_mask_path (struct shim *s, const struct op *op)
{
  const char *path = op->u.mask_path.path;
  struct stat st;
  cleanup_fd int target = open_in_root (s, path, O_PATH, 0);
  if (target < 0)
    return errno == ENOENT || errno == ENOTDIR ? 0 : fail (s, "openat2", "%s", path);
  if (fstat (target, &st) < 0)
    return fail (s, "fstat", "%s", path);
  /* A tree that is mounted nowhere can be copied only since Linux 6.15, and only in the mount namespace that it
   * was opened in. So the first path takes the cover itself; once it is mounted, the others get copies. */
  int cover = slot (s, S_ISDIR (st.st_mode) ? op->u.mask_path.empty : op->u.mask_path.null_fd);
  cleanup_fd int copy = clone_of (cover, false);
  if (copy < 0 && errno != EINVAL)
    return fail (s, "open_tree", "the cover of %s", path);
  if (move_onto (copy < 0 ? cover : copy, target) < 0)
    return fail (s, "move_mount", "%s", path);
  return 0;
}

int
op_readonly_path (struct shim *s, const struct op *op)
{
  const char *path = op->u.readonly_path.path;
  cleanup_fd int target = open_in_root (s, path, O_PATH, 0);
  if (target < 0)
    return errno == ENOENT || errno == ENOTDIR ? 0 : fail (s, "openat2", "%s", path);
  cleanup_fd int tree = clone_of (target, true);
  if (tree < 0)
    return fail (s, "open_tree", "%s", path);
  if (setattr (tree, "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY, 0, 0, -1) < 0)
    return fail (s, "mount_setattr", "%s", path);
  if (move_onto (tree, target) < 0)
    return fail (s, "move_mount", "%s", path);
  return 0;
}

int
op_umount (struct shim *s, const struct op *op)
{
  if (syscall (SYS_umount2, op->u.umount.path, MNT_DETACH) < 0)
    return fail (s, "umount2", "%s", op->u.umount.path);
  return 0;
}

/* pivot_root(".", ".") stacks the old root on the new one, where it can be detached without a directory for
 * it; see pivot_root(2), NOTES. */
int
op_pivot_root (struct shim *s, const struct op *op)
{
  (void) op;
  cleanup_fd int old = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0)
    return fail (s, "open", "/");
  if (fchdir (s->root) < 0)
    return fail (s, "fchdir", "the rootfs");
  if (syscall (SYS_pivot_root, ".", ".") < 0)
    return fail (s, "pivot_root", "the rootfs");
  if (fchdir (old) < 0)
    return fail (s, "fchdir", "the old root");
  /* Or the detaching would reach the host where the two share their mounts. */
  if (setattr (AT_FDCWD, ".", AT_RECURSIVE, 0, 0, 1u << 19 /* MS_SLAVE */, -1) < 0)
    return fail (s, "mount_setattr", "propagation of the old root");
  if (syscall (SYS_umount2, ".", MNT_DETACH) < 0)
    return fail (s, "umount2", "the old root");
  if (chdir ("/") < 0)
    return fail (s, "chdir", "/");
  return 0;
}

int
op_move_root (struct shim *s, const struct op *op)
{
  (void) op;
  cleanup_fd int old = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0)
    return fail (s, "open", "/");
  if (fchdir (s->root) < 0)
    return fail (s, "fchdir", "the rootfs");
  if (move_onto (s->root, old) < 0)
    return fail (s, "move_mount", "/");
  if (syscall (SYS_chroot, ".") < 0)
    return fail (s, "chroot", "the rootfs");
  if (chdir ("/") < 0)
    return fail (s, "chdir", "/");
  return 0;
}
