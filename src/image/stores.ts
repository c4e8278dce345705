/** The three stores below one root directory, which every operation on images works on. */
import { homedir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "./content/store.ts";
import type { OnImageEvent } from "./event.ts";
import { ImageNames } from "./names/names.ts";
import type { SnapshotStore } from "./snapshot/store.ts";
import { isPrivileged, openSnapshots } from "./snapshots.ts";

/** Blobs, names and layers of one root. */
export interface Stores {
  /** "/var/lib/runt". */
  readonly root: string;
  readonly content: ContentStore;
  readonly names: ImageNames;
  readonly snapshots: SnapshotStore;
  /** Is told what happens to images. */
  readonly onEvent?: OnImageEvent | undefined;
}

/** Opens the stores below `root`, which are made if need be. */
export async function openStores(root: string, onEvent?: OnImageEvent): Promise<Stores> {
  const content = await ContentStore.open(root);
  return { root, content, names: new ImageNames(content), snapshots: openSnapshots(root), onEvent };
}

/** Where images are kept when nobody says: `/var/lib/runt`, for an ordinary user below his home. */
export function defaultImageRoot(environment: NodeJS.ProcessEnv = process.env): string {
  if (isPrivileged() || (process.geteuid!() === 0 && environment.USER === "root")) return "/var/lib/runt";
  return join(environment.XDG_DATA_HOME || join(environment.HOME || homedir(), ".local/share"), "runt");
}
