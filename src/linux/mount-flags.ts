/** Numbers of the mount calls. @see `<linux/mount.h>`, mount_setattr(2), open_tree(2) */

export const MOUNT_ATTR_RDONLY = 0x1;
export const MOUNT_ATTR_NOSUID = 0x2;
export const MOUNT_ATTR_NODEV = 0x4;
export const MOUNT_ATTR_NOEXEC = 0x8;
/** The mask of the three access-time modes; a mode is changed by clearing the mask and setting the mode. */
export const MOUNT_ATTR__ATIME = 0x70;
export const MOUNT_ATTR_RELATIME = 0x00;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_NODIRATIME = 0x80;
export const MOUNT_ATTR_IDMAP = 0x10_0000;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x20_0000;

export const MS_RDONLY = 1;
export const MS_SYNCHRONOUS = 1 << 4;
export const MS_MANDLOCK = 1 << 6;
export const MS_DIRSYNC = 1 << 7;
export const MS_I_VERSION = 1 << 23;
export const MS_LAZYTIME = 1 << 25;
export const MS_UNBINDABLE = 1 << 17;
export const MS_PRIVATE = 1 << 18;
export const MS_SLAVE = 1 << 19;
export const MS_SHARED = 1 << 20;

export const OPEN_TREE_CLONE = 1;
export const AT_RECURSIVE = 0x8000;
export const AT_EMPTY_PATH = 0x1000;
