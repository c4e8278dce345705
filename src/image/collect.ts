/** Garbage collection over all stores: blobs and layers that no name, no lease and no directory needs any more. */
import type { ChainID, Digest } from "../spec/image/digest.ts";
import type { Image } from "./image.ts";
import { keepForUsers, keptBlobs } from "./in-use.ts";
import type { Stores } from "./stores.ts";

/** What went. */
export interface CollectedImages {
  readonly blobs: readonly Digest[];
  readonly layers: readonly ChainID[];
  /** Of blobs and of layers' files. */
  readonly bytes: number;
}

/**
 * Collects. Safe beside everything else: a pull says first what it needs, then looks whether it is there, and both
 * that and this happen under one lock.
 * @param removed have lost their names just now: who came to use one since can still be committed
 * @throws {RuntError} Internal where a manifest is damaged; nothing is removed then
 */
export async function collectGarbage(
  stores: Stores,
  signal?: AbortSignal,
  removed: readonly Image[] = [],
): Promise<CollectedImages> {
  let layers: readonly ChainID[] = [];
  let bytes = 0;
  const content = await stores.content.collect({
    signal,
    roots() {
      keepForUsers(stores, removed);
      return keptBlobs(stores);
    },
    whileLocked(kept) {
      ({ layers, bytes } = stores.snapshots.collect(kept.chainIDs));
    },
  });
  // It has no name any more, so nobody has to wait for this.
  await stores.snapshots.emptyAside();
  return { blobs: content.blobs, layers, bytes: content.bytes + bytes };
}
