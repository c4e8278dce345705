/** Id maps as the kernel and as newuidmap(1) take them. @see user_namespaces(7) */
import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";

/** The text of a uid_map or gid_map file. */
export function mapText(mappings: readonly LinuxIDMapping[]): string {
  return mappings.map((m) => `${m.containerID} ${m.hostID} ${m.size}\n`).join("");
}

/** Arguments of newuidmap(1) and newgidmap(1) after the pid. */
export function mapArguments(mappings: readonly LinuxIDMapping[]): number[] {
  return mappings.flatMap((m) => [m.containerID, m.hostID, m.size]);
}

/** The id on the host of `id` in the container; undefined where none maps to it. */
export function hostId(mappings: readonly LinuxIDMapping[], id: number): number | undefined {
  const m = mappings.find((mapping) => id >= mapping.containerID && id < mapping.containerID + mapping.size);
  return m === undefined ? undefined : m.hostID + (id - m.containerID);
}
