/** Where state is kept when nobody says. */
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { inFirstUserNamespace } from "../../linux/id-map.ts";
import { hasCode } from "../../linux/system-error.ts";

/**
 * `/run/runt`; for an ordinary user `$XDG_RUNTIME_DIR/runt`, as runc does it with its own name, or where that is
 * not set a directory of his own in /tmp.
 * @throws {RuntError} PermissionDenied where that directory is somebody else's
 */
export function defaultRoot(): string {
  if (!isOrdinaryUser()) return "/run/runt";
  return join(process.env.XDG_RUNTIME_DIR || privateDirectory(), "runt");
}

/** Not root; or root of a user namespace that another user made. */
export function isOrdinaryUser(): boolean {
  if (process.geteuid!() !== 0) return true;
  return !inFirstUserNamespace() && process.env.USER !== "root";
}

/** Anybody could have made it before us in /tmp, and would then own the state of our containers. */
function privateDirectory(): string {
  const path = join(tmpdir(), `runt-${process.geteuid!()}`);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
  const { uid, mode } = lstatSync(path);
  if (uid !== process.geteuid!() || (mode & 0o77) !== 0 || (mode & 0o170000) !== 0o040000) {
    throw new RuntError("PermissionDenied", `${path}: must be a directory that only this user may enter`, {
      operation: "options",
      path,
      hint: "remove it, or set XDG_RUNTIME_DIR or --root",
    });
  }
  return path;
}
