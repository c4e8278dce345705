/**
 * What a running operation still needs: garbage collection leaves it alone.
 *
 * A lease is a file that its process has locked with flock(2), so it ends with the process, however that
 * ends. It names digests, with everything they reach, and chainIDs of snapshots. To put something into a lease
 * takes the store's lock, which the collector has from its first look at the leases to its last removal.
 * So: first keep, then look whether it is there; what is then there stays.
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "../../linux/flock.ts";
import { hasCode } from "../../linux/system-error.ts";
import { type ChainID, type Digest, isDigest } from "../../spec/image/digest.ts";
import type { ContentDirectory } from "./directory.ts";
import { diskError } from "./store-error.ts";

/** Things that garbage collection leaves alone. */
export interface Kept {
  readonly digests: ReadonlySet<Digest>;
  readonly chainIDs: ReadonlySet<ChainID>;
}

const chainMark = "chain ";

export class Lease implements AsyncDisposable {
  /** Of its file. */
  readonly path: string;
  readonly #directory: ContentDirectory;
  readonly #lines = new Set<string>();
  #file: FileHandle | undefined;

  private constructor(directory: ContentDirectory, path: string, file: FileHandle) {
    this.#directory = directory;
    this.path = path;
    this.#file = file;
  }

  /**
   * A new lease of this process, that keeps nothing yet.
   * @throws {RuntError} Unavailable where the disk is full
   */
  static async take(directory: ContentDirectory, signal?: AbortSignal): Promise<Lease> {
    const path = join(directory.leases, randomUUID());
    // Under the lock, or the collector could meet it unlocked and take it for a dead process's.
    using _lock = await directory.lock(signal);
    const { O_RDWR, O_CREAT, O_EXCL, O_APPEND } = constants;
    const file = await open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0o600).catch((error) => {
      throw diskError(error, "cannot make a lease");
    });
    tryLock(file.fd, path);
    return new Lease(directory, path, file);
  }

  /**
   * Keeps blobs, with everything that they reach.
   * @throws {RuntError} Unavailable where the disk is full
   */
  keep(...digests: Digest[]): Promise<void> {
    return this.#add(digests);
  }

  /** Keeps snapshots. */
  keepSnapshots(...chainIDs: ChainID[]): Promise<void> {
    return this.#add(chainIDs.map((chainID) => chainMark + chainID));
  }

  async #add(lines: readonly string[]): Promise<void> {
    const added = lines.filter((line) => !this.#lines.has(line));
    if (added.length === 0) return;
    using _lock = await this.#directory.lock();
    if (this.#file === undefined) throw new TypeError("this lease has ended");
    // The line break before: a write that the full disk cut short must not swallow the next one.
    await this.#file.writeFile(`\n${added.join("\n")}\n`).catch((error) => {
      throw diskError(error, "cannot write a lease");
    });
    for (const line of added) this.#lines.add(line);
  }

  /** Ends it: what nothing else keeps may go. */
  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    await rm(this.path, { force: true });
    await file.close();
  }
}

/**
 * What all living leases keep, by name only: the caller adds what the blobs reach. Removes the dead ones.
 * The caller has the store's lock.
 * @param except does not count: the caller's own
 */
export async function readLeases(directory: ContentDirectory, except?: Lease): Promise<Kept> {
  const digests = new Set<Digest>();
  const chainIDs = new Set<ChainID>();
  for (const name of await readdir(directory.leases)) {
    const path = join(directory.leases, name);
    if (path === except?.path) continue;
    const text = await readLease(path);
    for (const line of text?.split("\n") ?? []) {
      if (isDigest(line)) digests.add(line);
      else if (line.startsWith(chainMark)) chainIDs.add(line.slice(chainMark.length) as ChainID);
    }
  }
  return { digests, chainIDs };
}

async function readLease(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, "r");
    if (tryLock(file.fd, path)) {
      await rm(path, { force: true });
      return undefined;
    }
    return await readFile(file, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
