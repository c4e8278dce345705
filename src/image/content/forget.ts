/**
 * Takes manifests out of an index of the store: an image for one machine of an image that is there for several. The
 * index itself stays as it is; what it names and is not here, it is not here for. What only they reached is garbage
 * from then on.
 */
import { rename } from "node:fs/promises";
import { hasCode } from "../../linux/system-error.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { ContentDirectory } from "./directory.ts";
import { type GraphRoot, reach } from "./graph.ts";
import { type IndexEntry, indexFileVersion, readIndexFile, writeIndexFile } from "./index-file.ts";
import { type Lease, readLeases } from "./lease.ts";
import { trashPath } from "./presence.ts";

/** Why a manifest stays: another image leads to it, or a running operation needs it. */
export type Keeper = IndexEntry | "lease";

export interface ForgetOptions {
  /** The indexes that lose them. */
  readonly from: ReadonlySet<Digest>;
  /** Takes what may go where not all may; else it is all or none. */
  readonly evenPartly?: boolean;
  /** The caller's own, which does not count. */
  readonly lease?: Lease;
  /**
   * What `indexFileVersion` was. Where it is not so any more, what `from` leads to stays too: a pull or a load may have
   * brought it to the same index meanwhile.
   */
  readonly version?: string;
  /** Called with all names while nobody can change them. What it throws is thrown before anything has gone. */
  readonly check?: (entries: readonly IndexEntry[]) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What became of the manifests; of those that were not there nothing is said. */
export interface Forgotten {
  readonly gone: readonly Digest[];
  readonly kept: ReadonlyMap<Digest, Keeper>;
}

/**
 * Forgets what it may: nothing that a name other than those of `from` reaches, by whatever way, and nothing that a lease
 * reaches.
 * @throws {RuntError} Internal where a document is damaged: nothing has gone then
 */
export async function forgetManifests(
  directory: ContentDirectory,
  manifests: Iterable<Digest>,
  options: ForgetOptions,
): Promise<Forgotten> {
  const { evenPartly = false, lease, version, check, signal } = options;
  using _lock = await directory.lock(signal);
  const entries = await readIndexFile(directory);
  check?.(entries);
  const isAsBefore = version === undefined || version === (await indexFileVersion(directory));
  const from = isAsBefore ? options.from : new Set<Digest>();
  const wanted = new Set(manifests);
  const kept = new Map<Digest, Keeper>();
  const keep = async (root: GraphRoot, keeper: Keeper) => {
    for await (const { digest } of reach(directory, [root])) {
      if (wanted.has(digest) && !kept.has(digest)) kept.set(digest, keeper);
    }
  };
  for (const digest of (await readLeases(directory, lease)).digests) await keep({ digest }, "lease");
  for (const entry of entries) if (!from.has(entry.descriptor.digest)) await keep(entry.descriptor, entry);
  if (kept.size > 0 && !evenPartly) return { gone: [], kept };

  const gone: Digest[] = [];
  for (const digest of wanted) {
    if (kept.has(digest)) continue;
    try {
      await rename(directory.blob(digest), trashPath(directory, digest));
      gone.push(digest);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  // Names lead to something else now, and whoever remembers what they led to goes by the file.
  if (gone.length > 0) await writeIndexFile(directory, entries);
  return { gone, kept };
}
