/** The layers below a root directory, for those who need nothing else of its images. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SnapshotStore } from "./snapshot/store.ts";

/** Opens the layers of the images below `root`; made if need be. */
export function openSnapshots(root: string): SnapshotStore {
  return SnapshotStore.open(join(root, "snapshots"), { userXattr: !isPrivileged() });
}

/** Root of the machine, not of a user namespace: only that one may write `trusted.*` attributes. */
export function isPrivileged(): boolean {
  if (process.geteuid!() !== 0) return false;
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "latin1"));
}
