/**
 * `overlay` that the host's root makes for a container in a user namespace of its own, and overlays with id maps.
 *
 * OverlayFS cannot be idmapped, but its layers can: each directory is covered by an idmapped copy of itself, in a mount
 * namespace that is there for this alone, and the overlay is mounted from what is seen then. It keeps copies of its own, so
 * that the namespace can go at once.
 */
import { posix } from "node:path";
import * as k from "../../linux/mount-flags.ts";
import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";
import type { Op } from "../wire/ops.ts";

/** The last id that there is. */
const mounterId = 4_294_967_294;
/** Lines that the kernel takes. */
const maxLines = 340;

/**
 * The map of a layer: the container's, and what the upper directory needs beside it. Whiteouts and the like are made by
 * whoever mounted it, the host's root, who would have no number there otherwise (EOVERFLOW): the last id, unless it is
 * somebody in the container.
 * @returns undefined where the container has that id itself, or no line is left
 */
export function layerMapping(container: readonly LinuxIDMapping[]): LinuxIDMapping[] | undefined {
  if (container.some(({ hostID }) => hostID === 0)) return [...container];
  const isTaken = container.some(({ containerID, size }) => containerID + size > mounterId);
  if (isTaken || container.length >= maxLines) return undefined;
  return [...container, { containerID: mounterId, hostID: 0, size: 1 }];
}

/** @param userns slot of the user namespace whose map it is @param make mounts the overlay */
export function idmappedOverlay(tree: string, data: readonly string[], userns: string, make: Op): Op[] {
  const layers = layerDirectories(data).map((path, i) => ({ path, copy: `${tree}-layer${i}` }));
  return [
    { op: "private_mounts" },
    ...layers.flatMap(({ path, copy }): Op[] => [
      { op: "open_tree", out: copy, dir: null, path, flags: k.OPEN_TREE_CLONE },
      {
        op: "tree_setattr",
        tree: copy,
        at_flags: 0,
        set: k.MOUNT_ATTR_IDMAP,
        clear: 0,
        propagation: 0,
        userns,
      },
      { op: "cover", tree: copy, path },
    ]),
    make,
    { op: "former_mounts" },
  ];
}

/** The directories that hold all that an overlay's options name; none of them is in another one. */
export function layerDirectories(data: readonly string[]): string[] {
  const values = (key: string): string[] =>
    data.filter((word) => word.startsWith(`${key}=`)).map((word) => word.slice(key.length + 1));
  const unescaped = (path: string): string => path.replaceAll(/\\(.)/g, "$1");
  const lowers = values("lowerdir").flatMap((list) => list.match(/(?:\\.|[^:\\])+/g)?.map(unescaped) ?? []);
  const others = [...values("lowerdir+"), ...values("datadir+")];
  // They must be on one mount.
  const own = [...values("upperdir"), ...values("workdir")].map(unescaped);
  const writable = own.length > 0 ? [own.map((path) => posix.dirname(path)).reduce(commonDirectory)] : [];
  const all = [...new Set([...writable, ...lowers, ...others].map((path) => posix.normalize(path)))];
  return all.filter((path) => !all.some((other) => path.startsWith(`${other}/`)));
}

function commonDirectory(a: string, b: string): string {
  let at = a;
  while (b !== at && !b.startsWith(at === "/" ? at : `${at}/`)) at = posix.dirname(at);
  return at;
}
