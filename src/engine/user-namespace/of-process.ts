/** The user namespace of a process that is no container's: `--userns=ns:/proc/PID/ns/user`. */
import { statSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { readIdMap } from "../../linux/id-map.ts";
import { mapText } from "../../runtime/plan/id-maps.ts";
import type { IdMaps } from "../request.ts";
import type { IdKind } from "../store/id-ranges.ts";

/** Undefined: the one that we are in. @throws {RuntError} for a path that does not say whose it is, and where nobody is */
export function mapsOfPath(path: string, operation: string): IdMaps | undefined {
  const pid = /^\/proc\/(\d+)\/ns\/user$/.exec(path)?.[1];
  if (pid === undefined) {
    const what = `--userns=ns:${path}: the ids of a namespace are known by one of its processes`;
    const site = { operation, hint: "give it as ns:/proc/PID/ns/user" };
    throw new RuntError("Unimplemented", what, site);
  }
  try {
    if (statSync(path).ino === statSync("/proc/self/ns/user").ino) return undefined;
    return { uid: readIdMap(pid, "uid"), gid: readIdMap(pid, "gid") };
  } catch (error) {
    throw new RuntError("NotFound", `--userns=ns:${path}: no such namespace`, { operation, path }, error);
  }
}

/**
 * At each start: the number may be another process's by now, and the container's files are shown with the maps that it was
 * made with.
 * @param maps that the container was made with
 * @throws {RuntError} NotFound, FailedPrecondition
 */
export function checkMapsOfPath(path: string, maps: IdMaps): void {
  const now = mapsOfPath(path, "start");
  const same = (kind: IdKind) => now && mapText(now[kind]) === mapText(maps[kind]);
  if (same("uid") && same("gid")) return;
  const what = `--userns=ns:${path}: has other ids than when the container was made`;
  throw new RuntError("FailedPrecondition", what, {
    operation: "start",
    path,
    hint: "make the container anew, with a process of that namespace",
  });
}
