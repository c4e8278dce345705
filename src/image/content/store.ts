/** The content store: blobs by digest under `<root>/content`, an OCI image layout that other tools can read. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { hasCode } from "../../linux/system-error.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { type Digest, digestOf } from "../../spec/image/digest.ts";
import { type Collected, type CollectOptions, collect } from "./collect.ts";
import { ContentDirectory } from "./directory.ts";
import { type ForgetOptions, type Forgotten, forgetManifests } from "./forget.ts";
import { type FsckOptions, type FsckReport, fsck } from "./fsck.ts";
import { readPieces } from "./hash-file.ts";
import { Ingest, type IngestOptions, type IngestTarget } from "./ingest.ts";
import { Lease } from "./lease.ts";
import { type Blob, listBlobs } from "./list.ts";
import { readBlob } from "./read-blob.ts";
import { diskError, noBlob } from "./store-error.ts";

export class ContentStore {
  /** Where everything is. */
  readonly directory: ContentDirectory;

  private constructor(directory: ContentDirectory) {
    this.directory = directory;
  }

  /** The store of `root`, for one "/var/lib/runt"; made where there is none. */
  static async open(root: string): Promise<ContentStore> {
    const directory = new ContentDirectory(root);
    try {
      await directory.make();
    } catch (error) {
      throw diskError(error, "cannot open the image store");
    }
    return new ContentStore(directory);
  }

  /** Where the blob is, if it is there; only to be read. */
  path(digest: Digest): string {
    return this.directory.blob(digest);
  }

  async has(digest: Digest): Promise<boolean> {
    try {
      await stat(this.path(digest));
      return true;
    } catch (error) {
      if (hasCode(error, "ENOENT")) return false;
      throw error;
    }
  }

  /** @throws {RuntError} NotFound */
  async stat(digest: Digest): Promise<Blob> {
    try {
      return { digest, size: (await stat(this.path(digest))).size };
    } catch (error) {
      if (hasCode(error, "ENOENT")) throw noBlob(digest);
      throw diskError(error, "cannot read the blob", digest);
    }
  }

  /** All blobs. */
  list(): AsyncIterable<Blob> {
    return listBlobs(this.directory);
  }

  /**
   * Reads a manifest, an index or a config, and verifies it.
   * @param limitBytes 8 MiB unless given
   * @throws {RuntError} NotFound; InvalidArgument for a larger blob; Internal for one that is damaged
   */
  readSmall(digest: Digest, limitBytes?: number): Promise<Uint8Array> {
    return readBlob(this.directory, digest, limitBytes);
  }

  /**
   * Opens a blob for reading; it can be read to its end even if it is collected meanwhile.
   * @returns a handle that is the caller's to close
   * @throws {RuntError} NotFound
   */
  async open(digest: Digest): Promise<FileHandle> {
    try {
      return await open(this.path(digest), "r");
    } catch (error) {
      if (hasCode(error, "ENOENT")) throw noBlob(digest);
      throw diskError(error, "cannot read the blob", digest);
    }
  }

  /**
   * The bytes of a blob, not verified again, in pieces that are each valid until the next is asked for.
   * @throws {RuntError} NotFound
   */
  async *read(digest: Digest, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    await using file = await this.open(digest);
    yield* readPieces(file, { signal });
  }

  /**
   * Begins to write a blob, unless it is there. At any time one process at most writes a given digest: others
   * wait here, then get "present", or go on where it stopped.
   * @param target a descriptor, or what is known of one
   * @throws {RuntError} Unavailable where the disk says no; the signal's reason
   */
  ingest(target: IngestTarget, options: IngestOptions): Promise<Ingest | "present"> {
    return Ingest.open(this.directory, target, options);
  }

  /** Stores a document that is all there already. */
  async put(bytes: Uint8Array | string, mediaType: string, options: IngestOptions): Promise<Descriptor> {
    const chunk = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    const descriptor: Descriptor = { mediaType, digest: digestOf(chunk), size: chunk.length };
    const opened = await this.ingest(descriptor, options);
    if (opened === "present") return descriptor;
    await using ingest = opened;
    // A document that was half written is as quickly written anew.
    if (ingest.offset > 0) await ingest.restart();
    await ingest.write(chunk);
    await ingest.commit();
    return descriptor;
  }

  /** A lease of this process: what it keeps is not collected until it is disposed of, or the process ends. */
  lease(signal?: AbortSignal): Promise<Lease> {
    return Lease.take(this.directory, signal);
  }

  /**
   * Removes what no name, no lease and none of the given roots reaches.
   * @throws {RuntError} Internal where a manifest is damaged; nothing is removed then
   */
  collect(options: CollectOptions = {}): Promise<Collected> {
    return collect(this.directory, options);
  }

  /** Takes manifests out of indexes. See `forgetManifests`. */
  forget(manifests: Iterable<Digest>, options: ForgetOptions): Promise<Forgotten> {
    return forgetManifests(this.directory, manifests, options);
  }

  /** Verifies every blob and every image. */
  fsck(options: FsckOptions = {}): Promise<FsckReport> {
    return fsck(this.directory, options);
  }
}
