/** `idmap` of `-v` and `--mount`: a bind mount whose files have other owners in the container. @see podman-run(1) */
import type { IdMaps } from "../../engine/request.ts";
import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";
import { flagError } from "./flag-error.ts";

/**
 * @param text of the whole flag
 * @param value "uids=0-1-10#10-11-10;gids=0-100-10": ids on disk, ids of the host, how many; undefined: as the container has them
 * @throws {RuntError} InvalidArgument
 */
export function idMapOf(flag: string, text: string, value: string | undefined): "container" | IdMaps {
  if (value === undefined || value === "" || value === "true") return "container";
  const maps: Partial<Record<string, LinuxIDMapping[]>> = {};
  for (const part of value.split(";")) {
    const [, kind, ranges] = /^(uids|gids)=(.+)$/.exec(part) ?? [];
    if (kind === undefined || ranges === undefined || maps[kind]) {
      throw flagError(flag, text, "idmap is not uids=<disk>-<host>-<count>[#…];gids=…");
    }
    maps[kind] = ranges.split("#").map((range) => {
      const [, containerID, hostID, size] = /^(\d{1,10})-(\d{1,10})-([1-9]\d{0,9})$/.exec(range) ?? [];
      if (size !== undefined) {
        return { containerID: Number(containerID), hostID: Number(hostID), size: Number(size) };
      }
      if (!range.startsWith("@")) throw flagError(flag, text, `${range} is not <disk>-<host>-<count>`);
      throw flagError(
        flag,
        text,
        "ids that count from the container's (@) are not supported",
        "Unimplemented",
      );
    });
  }
  if (!maps.uids || !maps.gids) throw flagError(flag, text, "idmap needs both uids and gids");
  return { uid: maps.uids, gid: maps.gids };
}
