/**
 * Takes manifests out of the store that nothing but indexes leads to: an image for one machine of an image that is
 * there for several. What only they reached is garbage from then on.
 */
import { rename } from "node:fs/promises";
import { hasCode } from "../../linux/system-error.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { ContentDirectory } from "./directory.ts";
import { readIndexFile, writeIndexFile } from "./index-file.ts";
import { readLeases } from "./lease.ts";
import { trashPath } from "./presence.ts";

/**
 * Forgets what it may. A manifest that has a name of its own, or that a living process has just asked for, stays.
 * @returns those that are gone
 */
export async function forgetManifests(
  directory: ContentDirectory,
  manifests: Iterable<Digest>,
  signal?: AbortSignal,
): Promise<Digest[]> {
  using _lock = await directory.lock(signal);
  const entries = await readIndexFile(directory);
  const leased = await readLeases(directory);
  const kept = new Set([...leased.digests, ...entries.map(({ descriptor }) => descriptor.digest)]);
  const gone: Digest[] = [];
  for (const digest of manifests) {
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
  return gone;
}
