/** `U` of `-v`: what is mounted is given to the container's user, file by file, on the host. */
import { constants, lchownSync, lstatSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { ImageUser } from "../../image/unpack/user.ts";
import { Fd } from "../../linux/fd.ts";
import { IdMap } from "../container/id-map.ts";
import type { Definition } from "../record.ts";

/** Gives away whatever of the container's mounts asks for it. @throws {RuntError} InvalidArgument for a user whom no id maps to */
export function giveMounts(
  { mounts, idMaps, owners }: Definition,
  user: Pick<ImageUser, "uid" | "gid">,
): void {
  const outside = IdMap.of(idMaps).toHost(user);
  const shown = owners !== "stored";
  for (const mount of mounts) {
    if (!("chown" in mount) || !mount.chown) continue;
    // What is shown with other owners has on disk those that the container sees.
    const mapped = shown && (mount.type === "volume" || mount.idMaps === "container");
    give(mount.source, mapped ? user : outside);
  }
}

/** Through open directories: a container that has the same files may put links in the way meanwhile. */
function give(path: string, owner: { readonly uid: number; readonly gid: number }): void {
  const { uid, gid } = owner;
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return; // gone meanwhile
  if (stat.uid !== uid || stat.gid !== gid) lchownSync(path, uid, gid);
  if (!stat.isDirectory()) return;
  using directory = new Fd(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  const opened = `/proc/self/fd/${directory.n}`;
  for (const name of readdirSync(opened)) give(join(opened, name), owner);
}
