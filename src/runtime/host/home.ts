/** The home directory of a user of the container, from the image's own /etc/passwd. */
import { constants, fstatSync, lstatSync, readFileSync } from "node:fs";
import { AT_FDCWD, O_PATH, openat2, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../../linux/openat2.ts";

const limitBytes = 4 << 20;

/** "/" where there is none. @param rootfs absolute path; links in it stay in it */
export function homeOf(rootfs: string, uid: number): string {
  return passwdField(rootfs, uid) || "/";
}

function passwdField(rootfs: string, uid: number): string | undefined {
  if (hasNone(rootfs)) return undefined;
  try {
    using root = openat2(AT_FDCWD, rootfs, { flags: O_PATH | constants.O_DIRECTORY, resolve: 0 });
    using file = openat2(root, "/etc/passwd", {
      flags: constants.O_RDONLY | constants.O_NONBLOCK,
      resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    });
    // The image's own: it may be a device without end, or as large as it likes.
    const stat = fstatSync(file.n);
    if (!stat.isFile() || stat.size > limitBytes) return undefined;
    return findHome(readFileSync(file.n, "utf8"), uid);
  } catch {
    return undefined; // no passwd, or one that leads nowhere: the caller has a default
  }
}

/** A quick look, for small images: an error made and thrown away takes longer than the rest of this file. */
function hasNone(rootfs: string): boolean {
  const etc = lstatSync(`${rootfs}/etc`, { throwIfNoEntry: false });
  if (!etc?.isDirectory()) return etc === undefined;
  return lstatSync(`${rootfs}/etc/passwd`, { throwIfNoEntry: false }) === undefined;
}

/** name:password:uid:gid:gecos:home:shell. @see passwd(5) */
export function findHome(passwd: string, uid: number): string | undefined {
  for (const line of passwd.split("\n")) {
    const fields = line.split(":");
    if (fields[2] === String(uid)) return fields[5];
  }
  return undefined;
}
