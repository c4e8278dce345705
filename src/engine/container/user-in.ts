/** Users and groups by the names that a container has for them, read below its root directory. */
import { closeSync, constants, fstatSync, readFileSync } from "node:fs";
import { type ImageUser, resolveUser } from "../../image/unpack/user.ts";
import type { Fd } from "../../linux/fd.ts";
import { openat2, RESOLVE_IN_ROOT } from "../../linux/openat2.ts";

/** Files of accounts are not larger, except to do harm. */
const accountFileBytes = 4 << 20;

/**
 * Who "user", "uid", "user:group" or "uid:gid" is.
 * @param root of the container
 * @throws {RuntError} InvalidArgument for a name that it does not know
 */
export function userIn(root: Fd, user: string): ImageUser {
  return resolveUser(user, { passwd: textIn(root, "/etc/passwd"), group: textIn(root, "/etc/group") });
}

/** The text of a regular file; "" where there is none. */
export function textIn(root: Fd, path: string): string {
  let fd: number;
  try {
    // A fifo would make us wait for whoever writes to it.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    fd = openat2(root, path, { flags, resolve: RESOLVE_IN_ROOT }).release();
  } catch {
    return "";
  }
  try {
    const stat = fstatSync(fd);
    return stat.isFile() && stat.size <= accountFileBytes ? readFileSync(fd, "utf8") : "";
  } finally {
    closeSync(fd);
  }
}
