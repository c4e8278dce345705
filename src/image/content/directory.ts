/**
 * `<root>/content/`: what is where, and the one lock over it.
 *
 * ```
 * oci-layout         this and the next two make it an OCI image layout, which other tools read
 * index.json         names of images; replaced by rename under the lock
 * blobs/<alg>/<hex>  whole and verified, read-only; appear by rename, disappear under the lock
 * ingest/<alg>-<hex> a blob that is being fetched, locked by who does it; what a dead process left is resumed
 * ingest/new-<uuid>  the same where the digest is known at the end only; never resumed
 * leases/<uuid>      what a living process, which has it locked, wants kept
 * trash/             taken out of blobs/ and about to be deleted
 * ```
 * The lock is flock(2) on the directory itself. It is held to change index.json, to add to a lease and to
 * collect garbage, never while bytes are fetched.
 */
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Fd } from "../../linux/fd.ts";
import { flock } from "../../linux/flock.ts";
import { hasCode } from "../../linux/system-error.ts";
import { type Digest, isDigest } from "../../spec/image/digest.ts";
import { algorithmOf, hexOf } from "../../spec/image/digest-parts.ts";
import { blobPath, INDEX_FILE, LAYOUT_FILE, LAYOUT_VERSION } from "../../spec/image/layout.ts";
import { INDEX } from "../../spec/image/media-types.ts";
import { replaceFile } from "./durable.ts";

/** Paths below `<root>/content`. */
export class ContentDirectory {
  readonly path: string;
  readonly index: string;
  readonly blobs: string;
  readonly ingests: string;
  readonly leases: string;
  readonly trash: string;

  constructor(root: string) {
    this.path = join(root, "content");
    this.index = join(this.path, INDEX_FILE);
    this.blobs = join(this.path, "blobs");
    this.ingests = join(this.path, "ingest");
    this.leases = join(this.path, "leases");
    this.trash = join(this.path, "trash");
  }

  /** Where the blob is, if it is there. */
  blob(digest: Digest): string {
    return join(this.path, blobPath(digest));
  }

  /** Where the blob is while it is being fetched. */
  ingest(digest: Digest): string {
    return join(this.ingests, `${algorithmOf(digest)}-${hexOf(digest)}`);
  }

  /** Waits for the lock over all this; closing the fd gives it up. */
  lock(signal?: AbortSignal): Promise<Fd> {
    return flock(this.path, signal);
  }

  /** Makes what is missing of it. Many processes may do so at the same time. */
  async make(): Promise<void> {
    const layout = join(this.path, LAYOUT_FILE);
    if ((await exists(layout)) && (await exists(this.index)) && (await exists(this.trash))) return;
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    using _lock = await this.lock();
    for (const directory of [join(this.blobs, "sha256"), this.ingests, this.leases, this.trash]) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    }
    if (!(await exists(this.index)))
      await replaceFile(this.index, JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [] }));
    if (!(await exists(layout)))
      await replaceFile(layout, JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION }));
  }
}

/** The digest that a file `blobs/<algorithm>/<name>` is named after; undefined where it is no blob's name. */
export function digestOfFile(algorithm: string, name: string): Digest | undefined {
  const text = `${algorithm}:${name}`;
  return isDigest(text) ? text : undefined;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
