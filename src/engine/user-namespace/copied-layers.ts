/**
 * The image's files for a container of an ordinary user in a user namespace of its own: one copy, with the owners that the
 * container's ids have outside, because nobody but root of the machine can show layers with other owners.
 */
import { chownSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { MergedView } from "../../image/snapshot/merged.ts";
import { overlayMount, type SnapshotMount } from "../../image/snapshot/overlay.ts";
import type { WritableLayer } from "../../image/snapshot/writable.ts";
import { IdMap } from "../container/id-map.ts";
import type { IdMaps } from "../request.ts";
import { copyAs } from "../volume/copy-up.ts";

/** Where the copy is. */
export function copiedLayers(writable: WritableLayer): string {
  return join(writable.directory, "copied");
}

/**
 * Makes it, and gives the container its writable layer.
 * @param layers top to bottom
 * @throws {RuntError} FailedPrecondition for a file of somebody whom the container has no id for
 */
export function copyLayers(writable: WritableLayer, layers: readonly string[], maps: IdMaps): void {
  const ids = IdMap.of(maps);
  const target = copiedLayers(writable);
  mkdirSync(target, { mode: 0o700 });
  copyAs(new MergedView(layers), target, ({ uid, gid }) => {
    try {
      return ids.toHost({ uid, gid });
    } catch (error) {
      const what = `the image has files of ${uid}:${gid}, and the container's user namespace no such ids`;
      const hint = "ask for more of them: --userns=auto:size=65536";
      throw new RuntError("FailedPrecondition", what, { operation: "create", hint }, error);
    }
  });
  giveToRoot(writable.upper, maps);
}

/** A directory of ours becomes the container's. @param path in which nobody else has put anything */
export function giveToRoot(path: string, maps: IdMaps): void {
  if (readdirSync(path).length > 0) return;
  const { uid, gid } = IdMap.of(maps).toHost({ uid: 0, gid: 0 });
  chownSync(path, uid, gid);
}

/** As `SnapshotStore.mounts` gives them. */
export function copiedMounts(writable: WritableLayer, access: "rw" | "ro"): SnapshotMount[] {
  const copied = { path: copiedLayers(writable) };
  const userXattr = true;
  const stack =
    access === "rw"
      ? { lowers: [copied], writable, userXattr }
      : { lowers: [{ path: writable.upper }, copied], userXattr };
  return [overlayMount(stack, "/")];
}
