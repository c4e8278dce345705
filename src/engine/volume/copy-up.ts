/**
 * What an image has at a volume's place, copied into the volume when it is first used: with owners, modes, times and
 * attributes. Read from the layers, so nothing is mounted, and no link leads out of them.
 */
import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { lookUp, type MergedFile, type MergedView } from "../../image/snapshot/merged.ts";
import { mknodat } from "../../linux/at.ts";
import { Fd } from "../../linux/fd.ts";
import { flock } from "../../linux/flock.ts";
import { getXattr, listXattrs, setXattr } from "../../linux/xattr.ts";

/**
 * Fills the volume in `directory`, whose `_data` is there, unless there is something in it. Copied beside it first: a
 * volume is filled or it is not.
 */
export async function copyUp(view: MergedView, path: string, directory: string): Promise<void> {
  const found = view.find(path);
  if (!found || !("parts" in found)) return;
  const data = join(directory, "_data");
  if (readdirSync(data).length > 0) return;
  using _lock = await flock(directory);
  if (readdirSync(data).length > 0) return;
  const fresh = join(directory, "_new");
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  copyDirectory(found.parts, found.stat, fresh, (own) => own);
  renameSync(fresh, data);
}

/** The owner of a copy. */
type OwnerOf = (own: { readonly uid: number; readonly gid: number }) => { uid: number; gid: number };

/** Copies a whole view into the empty directory `target`, with other owners. */
export function copyAs(view: MergedView, target: string, ownerOf: OwnerOf): void {
  const root = view.find("/");
  if (root && "parts" in root) copyDirectory(root.parts, root.stat, target, ownerOf);
}

function copyDirectory(parts: readonly string[], stat: Stats, target: string, ownerOf: OwnerOf): void {
  const names = new Set(parts.flatMap((part) => readdirSync(part)));
  for (const name of names) {
    const file = lookUp(parts, name);
    if (file) copy(file, { target: join(target, name), directory: target, name, ownerOf });
  }
  copyXattrs(parts[0]!, target);
  copyAttributes(stat, target, ownerOf);
}

interface Copy {
  readonly target: string;
  /** Of `target`, which is `name` in it. */
  readonly directory: string;
  readonly name: string;
  readonly ownerOf: OwnerOf;
}

function copy(file: MergedFile, { target, directory, name, ownerOf }: Copy): void {
  const { stat } = file;
  if ("parts" in file) {
    mkdirSync(target, { mode: 0o700 });
    copyDirectory(file.parts, stat, target, ownerOf);
    return;
  }
  if (stat.isSymbolicLink()) {
    symlinkSync(readlinkSync(file.path), target);
    const { uid, gid } = ownerOf(stat);
    lchownSync(target, uid, gid);
    lutimesSync(target, stat.atime, stat.mtime);
    return;
  }
  if (stat.isFile()) copyFileSync(file.path, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  else {
    using parent = new Fd(openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY));
    mknodat(parent, name, stat.mode, stat.rdev);
  }
  copyAttributes(stat, target, ownerOf);
  // After chown, which takes security.capability away.
  copyXattrs(file.path, target);
}

function copyAttributes(stat: Stats, target: string, ownerOf: OwnerOf): void {
  const { uid, gid } = ownerOf(stat);
  lchownSync(target, uid, gid);
  chmodSync(target, stat.mode & 0o7777);
  lutimesSync(target, stat.atime, stat.mtime);
}

/** But OverlayFS's own, which say something about layers. */
function copyXattrs(from: string, target: string): void {
  const source = Buffer.from(from);
  for (const name of listXattrs(source)) {
    if (/^(trusted|user)\.overlay\./.test(name)) continue;
    const value = getXattr(source, name);
    if (value) setXattr(Buffer.from(target), name, value);
  }
}
