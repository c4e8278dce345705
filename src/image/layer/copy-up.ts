/** A file of a layer below, with all its attributes, in the layer above. */
import { type BigIntStats, chmodSync, constants, copyFileSync } from "node:fs";
import {
  fchownat,
  mknodat,
  openAt,
  openHow,
  pathAt,
  readlinkAt,
  symlinkat,
  type Timespec,
  utimensat,
} from "../../linux/at.ts";
import type { Fd } from "../../linux/fd.ts";
import { getXattr, listXattrs, setXattr } from "../../linux/xattr.ts";
import type { Found } from "./lower-layers.ts";
import { resolveFlags } from "./tree.ts";

const { COPYFILE_EXCL, COPYFILE_FICLONE, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Copies what is no directory, and is known to be where it was found. */
export function copyNode({ tree, path, stats }: Found, to: Fd, name: string): void {
  tree.at(path, (from, fromName) => {
    if (stats.isFile()) {
      // Through its fd, so that what is copied is the file that was found; to a new one, so that nothing is followed.
      using file = openAt(from, fromName, openHow(O_RDONLY | O_NOFOLLOW | O_NONBLOCK, resolveFlags));
      copyFileSync(`/proc/self/fd/${file.n}`, pathAt(to, name), COPYFILE_EXCL | COPYFILE_FICLONE);
    } else if (stats.isSymbolicLink()) {
      symlinkat(readlinkAt(from, fromName), to, name);
    } else {
      mknodat(to, name, Number(stats.mode), Number(stats.rdev));
    }
    copyAttributes(from, fromName, to, name, stats);
  });
}

/** Owner, attributes, mode, times, in the order that keeps all of them. OverlayFS's own marks are not copied. */
export function copyAttributes(from: Fd, fromName: string, to: Fd, toName: string, stats: BigIntStats): void {
  fchownat(to, toName, Number(stats.uid), Number(stats.gid));
  for (const attribute of listXattrs(pathAt(from, fromName))) {
    if (attribute.startsWith("trusted.") || attribute.startsWith("user.overlay.")) continue;
    const value = getXattr(pathAt(from, fromName), attribute);
    if (value) setXattr(pathAt(to, toName), attribute, value);
  }
  if (!stats.isSymbolicLink()) chmodSync(pathAt(to, toName), Number(stats.mode & 0o7777n));
  const { atime, mtime } = timesOf(stats);
  utimensat(to, toName, atime, mtime);
}

export function timesOf(stats: BigIntStats): { atime: Timespec; mtime: Timespec } {
  return { atime: timespec(stats.atimeNs), mtime: timespec(stats.mtimeNs) };
}

const second = 1_000_000_000n;

function timespec(ns: bigint): Timespec {
  const rest = ((ns % second) + second) % second;
  return { s: Number((ns - rest) / second), ns: Number(rest) };
}
