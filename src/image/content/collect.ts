/**
 * Garbage collection: what no name, no lease of a living process and none of the caller's roots reaches, goes.
 *
 * Looking and removing are one step under the store's lock. A pull keeps a digest in its lease under the same
 * lock before it looks whether the blob is there: so either the collector sees the lease, or the pull sees
 * that the blob is gone.
 */
import { open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "../../linux/flock.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { ChainID, Digest } from "../../spec/image/digest.ts";
import type { ContentDirectory } from "./directory.ts";
import { type GraphRoot, reach } from "./graph.ts";
import { readIndexFile } from "./index-file.ts";
import { type Kept, readLeases } from "./lease.ts";
import { listBlobs } from "./list.ts";
import { trashPath } from "./presence.ts";

export interface CollectOptions {
  /** To keep beside names and leases: images of containers. Called while nobody can remove a name. */
  readonly roots?: () => Iterable<Digest>;
  /** What a dead process left half fetched stays this long, to be gone on with. One day unless said. */
  readonly ingestAgeMs?: number;
  /**
   * Called with all that is kept while nobody can add to it: here goes what has its own store and lives as
   * long as the content does, snapshots for one. ChainIDs are those of leases and of all images kept.
   */
  readonly whileLocked?: (kept: Kept) => void | Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** What went. */
export interface Collected {
  readonly blobs: readonly Digest[];
  /** Of the blobs and the half fetched ones. */
  readonly bytes: number;
  readonly ingests: number;
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Removes what is not needed.
 * @throws {RuntError} Internal where a document is damaged, and InvalidArgument where index.json cannot be read:
 *   nothing is removed then, because what it reached is not known any more
 */
export async function collect(directory: ContentDirectory, options: CollectOptions): Promise<Collected> {
  const { roots = () => [], ingestAgeMs = dayMs, whileLocked, signal } = options;
  const blobs: Digest[] = [];
  let bytes = 0;
  {
    using _lock = await directory.lock(signal);
    const kept = await keptBy(directory, roots());
    signal?.throwIfAborted();
    for await (const { digest, size } of listBlobs(directory)) {
      if (kept.digests.has(digest)) continue;
      await rename(directory.blob(digest), trashPath(directory, digest));
      blobs.push(digest);
      bytes += size;
    }
    await whileLocked?.(kept);
  }
  const swept = await sweepIngests(directory, ingestAgeMs);
  await emptyTrash(directory);
  return { blobs, bytes: bytes + swept.bytes, ingests: swept.ingests };
}

/** All that must stay. */
async function keptBy(directory: ContentDirectory, roots: Iterable<Digest>): Promise<Kept> {
  const leased = await readLeases(directory);
  const chainIDs = new Set<ChainID>(leased.chainIDs);
  const digests = new Set<Digest>();
  const named = (await readIndexFile(directory)).map(({ descriptor }) => descriptor);
  const others: GraphRoot[] = [...leased.digests, ...roots].map((digest) => ({ digest }));
  for await (const visit of reach(directory, [...named, ...others])) {
    digests.add(visit.digest);
    for (const chainID of visit.chainIDs) chainIDs.add(chainID);
  }
  return { digests, chainIDs };
}

/** Removes half fetched blobs that nobody is fetching any more. */
async function sweepIngests(
  directory: ContentDirectory,
  ageMs: number,
): Promise<{ ingests: number; bytes: number }> {
  const swept = { ingests: 0, bytes: 0 };
  for (const name of await readdir(directory.ingests)) {
    const path = join(directory.ingests, name);
    try {
      const { size, mtimeMs } = await stat(path);
      // Those without a digest cannot be gone on with.
      if (!name.startsWith("new-") && Date.now() - mtimeMs < ageMs) continue;
      await using file = await open(path, "r");
      if (!tryLock(file.fd, path)) continue;
      await rm(path);
      swept.ingests++;
      swept.bytes += size;
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  return swept;
}

/** Deletes what this collection, or one that was killed, took out of the store. */
async function emptyTrash(directory: ContentDirectory): Promise<void> {
  for (const name of await readdir(directory.trash)) await rm(join(directory.trash, name), { force: true });
}
