/** `U` of `-v`: what is mounted is given to the container's user, file by file, on the host. */
import {
  chownSync,
  constants,
  fstatSync,
  lchownSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
} from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import type { ImageUser } from "../../image/unpack/user.ts";
import { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";
import { IdMap } from "../container/id-map.ts";
import type { Definition } from "../record.ts";
import type { IdMaps } from "../request.ts";
import { isEverybodys } from "./everybodys.ts";

type Owner = Pick<ImageUser, "uid" | "gid">;

/** Gives away whatever of the container's mounts asks for it. @throws {RuntError} InvalidArgument */
export function giveMounts({ mounts, idMaps, owners }: Definition, user: Owner): void {
  const outside = IdMap.of(idMaps).toHost(user);
  const shown = owners !== "stored";
  for (const mount of mounts) {
    if (!("chown" in mount) || !mount.chown) continue;
    const maps = mount.type === "bind" ? mount.idMaps : undefined;
    // What is shown with other owners has on disk those that the container sees, or those that the mount's own map says.
    const mapped = shown && (mount.type === "volume" || maps === "container");
    const owner =
      typeof maps === "object" ? onDisk(mount.destination, maps, outside) : mapped ? user : outside;
    giveMount(mount.source, owner);
  }
}

/** Who on disk is `outside` where the mount is. */
function onDisk(destination: string, { uid, gid }: IdMaps, outside: Owner): Owner {
  const inverse = (maps: readonly LinuxIDMapping[]) =>
    maps.map(({ containerID, hostID, size }) => ({ containerID: hostID, hostID: containerID, size }));
  try {
    return IdMap.of({ uid: inverse(uid), gid: inverse(gid) }).toHost(outside);
  } catch (error) {
    const what = `mount at ${destination}: U: its idmap has no id for the container's user, ${outside.uid}:${outside.gid} on the host`;
    throw new RuntError("InvalidArgument", what, { operation: "start" }, error);
  }
}

/** As the mount will, this follows links; what it arrives at is asked about and given by its fd, whatever its name is then. */
function giveMount(path: string, owner: Owner): void {
  using source = open(path);
  if (!source) return; // gone meanwhile: the mount will say so
  const opened = `/proc/self/fd/${source.n}`;
  const stat = fstatSync(source.n);
  if (isEverybodys(stat)) {
    const what = `chowning host path ${readlinkSync(opened)} is not allowed`;
    const hint = `do it by hand: chown -R ${owner.uid}:${owner.gid} ${path}`;
    throw new RuntError("InvalidArgument", what, { operation: "start", path, hint });
  }
  if (!isOwner(stat, owner)) chownSync(opened, owner.uid, owner.gid);
  if (stat.isDirectory()) giveEntries(opened, owner, stat.dev);
}

function open(path: string): Fd | undefined {
  try {
    return new Fd(openSync(path, O_PATH));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Through open directories: a container that has the same files may put links in the way meanwhile.
 * @param device other file systems are somebody else's, wherever they are mounted
 */
function give(path: string, owner: Owner, device: number): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat || stat.dev !== device) return; // gone meanwhile, or not ours
  if (!isOwner(stat, owner)) lchownSync(path, owner.uid, owner.gid);
  if (!stat.isDirectory()) return;
  using directory = new Fd(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
  giveEntries(`/proc/self/fd/${directory.n}`, owner, device);
}

function giveEntries(directory: string, owner: Owner, device: number): void {
  for (const name of readdirSync(directory)) give(join(directory, name), owner, device);
}

function isOwner(stat: { readonly uid: number; readonly gid: number }, { uid, gid }: Owner): boolean {
  return stat.uid === uid && stat.gid === gid;
}
