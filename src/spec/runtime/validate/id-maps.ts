/** Rules about user namespaces and id maps. @see runtime-spec 1.3 config-linux.md#user-namespace-mappings, user_namespaces(7) */
import type { Config } from "../config.ts";
import type { JsonPath } from "../document-error.ts";
import { show } from "../document-error.ts";
import type { LinuxIDMapping } from "../id-mapping.ts";
import type { Checks, Refuse } from "../validate.ts";
import { namespaceOf } from "./namespaces.ts";

/** Lines that the kernel takes in uid_map and gid_map. */
const MAX_EXTENTS = 340;

const kinds = ["uidMappings", "gidMappings"] as const;

/** Refuses a map that the kernel would: too many ranges, ranges past the last id, ranges that overlap on either side. */
export function checkIdMap(map: readonly LinuxIDMapping[], path: JsonPath, refuse: Refuse): void {
  if (map.length > MAX_EXTENTS) refuse(path, `must have at most ${MAX_EXTENTS} ranges, has ${map.length}`);
  for (const [i, { containerID, hostID, size }] of map.entries()) {
    for (const [field, first] of [
      ["containerID", containerID],
      ["hostID", hostID],
    ] as const) {
      if (first + size > 2 ** 32 - 1)
        refuse([...path, i, "size"], `reaches past the last id, from ${field} ${first}`);
      const clash = map
        .slice(0, i)
        .findIndex((other) => first < other[field] + other.size && other[field] < first + size);
      if (clash >= 0) refuse([...path, i, field], `range overlaps that of entry ${clash}`);
    }
  }
}

function isMapped(map: readonly LinuxIDMapping[], id: number): boolean {
  return map.some(({ containerID, size }) => id >= containerID && id < containerID + size);
}

export const idMapChecks: Checks<Config> = {
  userNamespaceHasMaps(config, refuse) {
    const user = namespaceOf(config, "user");
    if (user === undefined || user.path !== undefined) return;
    for (const kind of kinds) {
      if (config.linux[kind].length === 0)
        refuse(["linux", kind], "a new user namespace needs at least one mapping");
    }
  },

  mapsHaveUserNamespace(config, refuse) {
    if (namespaceOf(config, "user") !== undefined) return;
    for (const kind of kinds) {
      if (config.linux[kind].length > 0)
        refuse(["linux", kind], "needs a user namespace in linux.namespaces");
    }
  },

  mapsAcceptable(config, refuse) {
    for (const kind of kinds) checkIdMap(config.linux[kind], ["linux", kind], refuse);
  },

  /** setuid(2) fails for an id that has no mapping. In a joined namespace the map is not known yet. */
  userMapped(config, refuse) {
    const namespace = namespaceOf(config, "user");
    if (namespace === undefined || namespace.path !== undefined) return;
    const { uid, gid, additionalGids } = config.process.user;
    const at = ["process", "user"];
    if (!isMapped(config.linux.uidMappings, uid))
      refuse([...at, "uid"], `${uid} is not in linux.uidMappings`);
    if (!isMapped(config.linux.gidMappings, gid))
      refuse([...at, "gid"], `${gid} is not in linux.gidMappings`);
    for (const [i, extra] of additionalGids.entries()) {
      if (!isMapped(config.linux.gidMappings, extra)) {
        refuse([...at, "additionalGids", i], `${extra} is not in linux.gidMappings`);
      }
    }
  },

  mountMapsPaired(config, refuse) {
    for (const [i, mount] of config.mounts.entries()) {
      const missing = kinds.find((kind) => mount[kind].length === 0);
      if (missing !== undefined && mount.uidMappings.length + mount.gidMappings.length > 0) {
        refuse(["mounts", i, missing], "uidMappings and gidMappings come together");
      }
      for (const kind of kinds) checkIdMap(mount[kind], ["mounts", i, kind], refuse);
    }
  },

  /** Without mappings of its own a mount is mapped as the container's user namespace is. */
  idMappedMountHasMap(config, refuse) {
    for (const [i, mount] of config.mounts.entries()) {
      const j = mount.options.findIndex((word) => word === "idmap" || word === "ridmap");
      if (j >= 0 && mount.uidMappings.length === 0 && namespaceOf(config, "user") === undefined) {
        refuse(
          ["mounts", i, "options", j],
          `${show(mount.options[j]!)} needs uidMappings and gidMappings, or a user namespace`,
        );
      }
    }
  },
};
