/** The layers below a root directory, for those who need nothing else of its images. */
import { join } from "node:path";
import { inFirstUserNamespace } from "../linux/id-map.ts";
import { SnapshotStore } from "./snapshot/store.ts";

/** Opens the layers of the images below `root`; made if need be. */
export function openSnapshots(root: string): SnapshotStore {
  return SnapshotStore.open(join(root, "snapshots"), { userXattr: !isPrivileged() });
}

/** Root of the machine, not of a user namespace: only that one may write `trusted.*` attributes. */
export function isPrivileged(): boolean {
  return process.geteuid!() === 0 && inFirstUserNamespace();
}
