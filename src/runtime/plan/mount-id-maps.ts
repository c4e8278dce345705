/** Id maps of mounts: which map a mount has, and the user namespace that stands for it. */
import * as k from "../../linux/mount-flags.ts";
import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";
import type { Mount } from "../../spec/runtime/mount.ts";
import type { Op } from "../wire/ops.ts";
import type { PlanContext } from "./context.ts";
import { mapText } from "./id-maps.ts";
import type { SortedMountOptions } from "./mount-options.ts";

/** By their text: slots of user namespaces that mounts are mapped with. A container has few maps and many mounts. */
export type MapSlots = Map<string, string>;

/** How the ops of one mount call what they share. */
export interface Naming {
  /** Slot of the mount. */
  readonly tree: string;
  /** "mounts[3]". */
  readonly at: string;
  readonly maps: MapSlots;
}

/** Maps a bind mount that nobody sees yet; nothing where it has no map. */
export function idmapOps(
  context: PlanContext,
  mount: Mount,
  options: SortedMountOptions,
  naming: Naming,
): Op[] {
  const map = mapOf(context, mount, options);
  if (!map) return [];
  const { tree } = naming;
  const { userns, open } = mapSlot(map, naming);
  return [
    ...open,
    {
      op: "tree_setattr",
      tree,
      at_flags: options.idmap === "ridmap" ? k.AT_RECURSIVE : 0,
      set: k.MOUNT_ATTR_IDMAP,
      clear: 0,
      propagation: 0,
      userns,
    },
  ];
}

/** Of users and of groups. */
export type IdMaps = readonly [uid: readonly LinuxIDMapping[], gid: readonly LinuxIDMapping[]];

/** What a mount is to be mapped with; undefined: as it is. */
export function mapOf(
  { config }: PlanContext,
  mount: Mount,
  options: SortedMountOptions,
): IdMaps | undefined {
  if (mount.uidMappings.length > 0) return [mount.uidMappings, mount.gidMappings];
  return options.idmap === "none" ? undefined : [config.linux.uidMappings, config.linux.gidMappings];
}

/** Slot of the user namespace for a map, and what opens it where no mount before had the same. */
export function mapSlot([uid, gid]: IdMaps, { tree, maps }: Naming): { userns: string; open: Op[] } {
  const [uid_map, gid_map] = [mapText(uid), mapText(gid)];
  const key = `${uid_map}/${gid_map}`;
  const known = maps.get(key);
  if (known !== undefined) return { userns: known, open: [] };
  const userns = `${tree}-idmap`;
  maps.set(key, userns);
  return { userns, open: [{ op: "userns_fd", out: userns, uid_map, gid_map }] };
}
