/**
 * An ordinary user's images and containers: an image has files of many owners, and a container needs mounts, which only
 * root may make, also root of a user namespace. So a program starts anew, as the same process, as root of one whose ids are
 * the user's own and the subordinate ones of /etc/subuid; there is one for all programs of a user.
 * @see user_namespaces(7), newuidmap(1)
 */
import { dirname, join } from "node:path";
import { readIdMap } from "../linux/id-map.ts";
import { nativePath } from "../linux/native.ts";
import { type IdRange, ownUser, subordinateIds } from "../linux/subordinate-ids.ts";
import { defaultRoot } from "../runtime/library/default-root.ts";
import type { LinuxIDMapping } from "../spec/runtime/id-mapping.ts";
import { mapInOrder } from "./user-namespace/ranges.ts";

/** Says to the command that it is the second time: whose ids they are. */
const mark = "RUNT_USER_NAMESPACE_OF";

/** The id maps of an ordinary user: itself as root, behind it what else it has. */
export function ownIdMaps(): {
  readonly uid: readonly LinuxIDMapping[];
  readonly gid: readonly LinuxIDMapping[];
} {
  const user = ownUser();
  const [uids, gids] = [subordinateIds("/etc/subuid", user), subordinateIds("/etc/subgid", user)];
  // newgidmap(1) and newuidmap(1) work in pairs: a file's group is as much a part of it as its user.
  const both = uids.length > 0 && gids.length > 0;
  return { uid: mapOf(user.uid, both ? uids : []), gid: mapOf(user.gid, both ? gids : []) };
}

function mapOf(own: number, ranges: readonly IdRange[]): LinuxIDMapping[] {
  return mapInOrder([{ first: own, count: 1 }, ...ranges]);
}

/** The maps of the namespace that `enterUserNamespace` has made; undefined where it has not. */
export function enteredIdMaps(): ReturnType<typeof ownIdMaps> | undefined {
  if (process.env[mark] === undefined) return undefined;
  return { uid: readIdMap("self", "uid"), gid: readIdMap("self", "gid") };
}

/**
 * Starts this program anew, with the same arguments, as root of its user's namespace; does nothing for root. To be called
 * before all else: what the program has read, opened or said by then is lost, or happens again.
 */
export function enterUserNamespace(): void {
  if (process.geteuid!() === 0) return;
  execInUserNamespace([process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
}

/** Becomes another program, as root of the user's namespace. */
export function execInUserNamespace(argv: readonly string[]): never {
  const maps = ownIdMaps();
  const { uid, name = String(uid) } = ownUser();
  const text = (map: readonly LinuxIDMapping[]) =>
    map.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}`).join(" ");
  const program = nativePath("runt-userns");
  // Who became this user by setuid(2) alone may still be called root; and by that name root's places would be meant.
  const names = { USER: name, LOGNAME: name };
  // The number, by which the state directory may be called, is another one there.
  const XDG_RUNTIME_DIR = process.env.XDG_RUNTIME_DIR || dirname(defaultRoot());
  const env = { ...process.env, ...names, XDG_RUNTIME_DIR, [mark]: String(uid) };
  const place = join(XDG_RUNTIME_DIR, "runt-userns");
  process.execve?.(program, [program, place, text(maps.uid), text(maps.gid), ...argv], env);
  throw new TypeError("this Node cannot turn into another program");
}
