/** Rules about namespaces and what needs one. @see runtime-spec 1.3 config-linux.md#namespaces */
import type { Config } from "../config.ts";
import type { LinuxNamespace, LinuxNamespaceType } from "../namespaces.ts";
import type { Checks } from "../validate.ts";

/** The entry for a type of namespace; absent: the container stays in the runtime's. */
export function namespaceOf(config: Config, type: LinuxNamespaceType): LinuxNamespace | undefined {
  return config.linux.namespaces.find((namespace) => namespace.type === type);
}

/** The kernel keeps 64 characters of either name. */
const MAX_UTS_NAME = 64;

export const namespaceChecks: Checks<Config> = {
  namespacesUnique(config, refuse) {
    const seen = new Set<string>();
    for (const [i, { type }] of config.linux.namespaces.entries()) {
      if (seen.has(type)) refuse(["linux", "namespaces", i, "type"], `namespace "${type}" is listed twice`);
      seen.add(type);
    }
  },

  utsNames(config, refuse) {
    for (const field of ["hostname", "domainname"] as const) {
      const name = config[field];
      if (name === undefined) continue;
      if (namespaceOf(config, "uts") === undefined)
        refuse([field], "needs a uts namespace in linux.namespaces");
      const length = Buffer.byteLength(name);
      if (length > MAX_UTS_NAME) refuse([field], `must be at most ${MAX_UTS_NAME} bytes, is ${length}`);
    }
  },

  timeOffsetsInOwnNamespace(config, refuse) {
    const { boottime, monotonic } = config.linux.timeOffsets;
    if (boottime === undefined && monotonic === undefined) return;
    const time = namespaceOf(config, "time");
    if (time === undefined) refuse(["linux", "timeOffsets"], "needs a time namespace in linux.namespaces");
    if (time?.path !== undefined) {
      refuse(["linux", "timeOffsets"], `cannot be set in the existing time namespace ${time.path}`);
    }
  },

  restrictedPathsInMountNamespace(config, refuse) {
    if (namespaceOf(config, "mount") !== undefined) return;
    for (const field of ["maskedPaths", "readonlyPaths"] as const) {
      if (config.linux[field].length > 0)
        refuse(["linux", field], "needs a mount namespace in linux.namespaces");
    }
  },
};
