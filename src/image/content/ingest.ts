/**
 * One blob on its way into the store.
 *
 * The bytes go to a file that is named after the digest and locked: who finds it locked waits, and finds the
 * blob when the wait is over, or what a dead or unlucky process left, to be gone on with. Nothing is visible
 * under `blobs/` before its size and digest have been checked and its bytes are on disk.
 */
import { createHash, type Hash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RuntError } from "../../errors.ts";
import { waitForLock } from "../../linux/flock.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { algorithmOf } from "../../spec/image/digest-parts.ts";
import { BufferedFile } from "./buffered-file.ts";
import type { ContentDirectory } from "./directory.ts";
import { syncDirectory } from "./durable.ts";
import { hashInto, readPieces } from "./hash-file.ts";
import type { Lease } from "./lease.ts";
import { isPresent } from "./presence.ts";
import { diskError, operation } from "./store-error.ts";

/** What is expected: a descriptor, or as much of it as is known before the last byte. */
export interface IngestTarget {
  readonly digest?: Digest;
  /** In bytes. */
  readonly size?: number;
}

export interface IngestOptions {
  /** Keeps the blob from the collector from before it exists. */
  readonly lease: Lease;
  readonly signal?: AbortSignal | undefined;
}

/** The bytes of one blob being written. Ended by `commit`, or by disposing of it, which never throws. */
export class Ingest implements AsyncDisposable {
  /** Undefined where it is not known before `commit`. */
  readonly digest: Digest | undefined;
  readonly size: number | undefined;
  readonly #directory: ContentDirectory;
  readonly #path: string;
  readonly #lease: Lease;
  #file: FileHandle | undefined;
  readonly #out: BufferedFile;
  #hash: Hash;
  #offset = 0;

  private constructor(
    directory: ContentDirectory,
    path: string,
    file: FileHandle,
    target: IngestTarget,
    lease: Lease,
  ) {
    this.#directory = directory;
    this.#path = path;
    this.#file = file;
    this.#out = new BufferedFile(file, 0);
    this.#lease = lease;
    this.digest = target.digest;
    this.size = target.size;
    this.#hash = this.#newHash();
  }

  /**
   * Waits until nobody else fetches the blob.
   * @returns "present" where the store has it
   * @throws {RuntError} Unavailable where the disk says no; InvalidArgument where the blob is there, whole,
   *   and of another size than `target` says; the signal's reason
   */
  static async open(
    directory: ContentDirectory,
    target: IngestTarget,
    { lease, signal }: IngestOptions,
  ): Promise<Ingest | "present"> {
    const { digest } = target;
    if (digest === undefined) {
      const path = join(directory.ingests, `new-${randomUUID()}`);
      const file = await openLocked(path, signal);
      return new Ingest(directory, path, file, target, lease);
    }
    await lease.keep(digest);
    if (await isPresent(directory, digest, target.size, signal)) return "present";
    const path = directory.ingest(digest);
    const file = await openLocked(path, signal);
    const ingest = new Ingest(directory, path, file, target, lease);
    try {
      if (await isPresent(directory, digest, target.size, signal)) {
        await ingest.#discard();
        return "present";
      }
      await ingest.#resume(signal);
      return ingest;
    } catch (error) {
      await ingest[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Bytes that are there: the next one to write is this one, counted from 0. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * The bytes that are there already, for who wants to see each byte of the blob, not just those that are
   * still to be fetched. To be read before the first `write`; a piece is valid until the next is asked for.
   */
  async *replay(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const end = this.#offset;
    if (end > 0) yield* readPieces(this.#open(), { end, signal });
  }

  /**
   * Appends bytes, which are copied.
   * @throws {RuntError} FailedPrecondition beyond the expected size; Unavailable where the disk says no.
   *   Either way what was written is gone.
   */
  async write(chunk: Uint8Array): Promise<void> {
    this.#open();
    const end = this.#offset + chunk.length;
    if (this.size !== undefined && end > this.size) {
      await this.#discard();
      throw this.#mismatch(`is longer than the ${this.size} bytes it should have`);
    }
    this.#hash.update(chunk);
    this.#offset = end;
    await this.#onDisk(() => this.#out.write(chunk));
  }

  /** Throws away what is there, for a source that can only start from the first byte. */
  async restart(): Promise<void> {
    await this.#onDisk(async () => {
      await this.#out.restart(0);
      await this.#open().truncate(0);
    });
    this.#hash = this.#newHash();
    this.#offset = 0;
  }

  /**
   * Checks size and digest, and makes the blob visible once it is on disk.
   * @throws {RuntError} FailedPrecondition where they are not those expected; what was written is then gone,
   *   so that another try starts from nothing
   */
  async commit(): Promise<Digest> {
    this.#open();
    if (this.size !== undefined && this.#offset < this.size) {
      // Not thrown away: the rest can be fetched later.
      throw this.#mismatch(`ends after ${this.#offset} of ${this.size} bytes`);
    }
    const actual = `${this.#algorithm}:${this.#hash.digest("hex")}` as Digest;
    if (this.digest !== undefined && this.digest !== actual) {
      await this.#discard();
      throw this.#mismatch(`has the digest ${actual}`);
    }
    await this.#onDisk(() => this.#out.flush());
    if (this.digest === undefined) {
      await this.#lease.keep(actual);
      if (await isPresent(this.#directory, actual, this.#offset)) {
        await this.#discard();
        return actual;
      }
    }
    await this.#onDisk(() => this.#publish(actual));
    await this.#close();
    return actual;
  }

  /** Keeps what can be gone on with later, and removes it otherwise. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#file === undefined) return;
    if (this.digest === undefined || this.#offset === 0) return this.#discard();
    try {
      await this.#out.flush();
      await this.#close();
    } catch {
      await this.#discard();
    }
  }

  async #publish(digest: Digest): Promise<void> {
    const file = this.#open();
    await file.chmod(0o444);
    await file.sync();
    const blob = this.#directory.blob(digest);
    const made = await mkdir(dirname(blob), { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncDirectory(this.#directory.blobs);
    await rename(this.#path, blob);
    await syncDirectory(dirname(blob));
  }

  /** Hashes what an earlier process left. Whether those are the right bytes shows at the end. */
  async #resume(signal: AbortSignal | undefined): Promise<void> {
    const { size } = await this.#open().stat();
    if (size > (this.size ?? Number.POSITIVE_INFINITY)) return this.restart();
    await hashInto(this.#hash, this.#open(), size, signal);
    this.#offset = size;
    await this.#out.restart(size);
  }

  #open(): FileHandle {
    if (this.#file === undefined) throw new TypeError("this ingest has ended");
    return this.#file;
  }

  get #algorithm(): "sha256" | "sha512" {
    return this.digest === undefined ? "sha256" : algorithmOf(this.digest);
  }

  #newHash(): Hash {
    return createHash(this.#algorithm);
  }

  #mismatch(what: string): RuntError {
    const name = this.digest ?? "content";
    return new RuntError("FailedPrecondition", `blob ${name} ${what}`, {
      operation,
      subject: `blob ${name}`,
    });
  }

  /** A disk that refused once keeps nothing of the blob: what is on it now may have holes. */
  async #onDisk(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.#discard();
      throw diskError(error, "cannot store the blob", this.digest);
    }
  }

  async #discard(): Promise<void> {
    if (this.#file === undefined) return;
    await this.#out.restart(0);
    // Before the lock goes, or what is removed could be someone else's.
    await rm(this.#path, { force: true }).catch(() => {});
    await this.#close().catch(() => {});
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** Opens or makes the file, and waits for its lock. */
async function openLocked(path: string, signal: AbortSignal | undefined): Promise<FileHandle> {
  for (;;) {
    signal?.throwIfAborted();
    let file: FileHandle;
    try {
      file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    } catch (error) {
      throw diskError(error, "cannot store the blob");
    }
    try {
      await waitForLock(file.fd, path, signal);
      // Whoever had it may have moved it to its place, or removed it: then the lock says nothing.
      if (await isStillAt(file, path)) return file;
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
  }
}

async function isStillAt(file: FileHandle, path: string): Promise<boolean> {
  try {
    const [here, there] = await Promise.all([file.stat({ bigint: true }), stat(path, { bigint: true })]);
    return here.ino === there.ino && here.dev === there.dev;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
