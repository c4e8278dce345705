/** A directory of images: an OCI layout, or a docker archive that somebody unpacked. */
import { constants, fstatSync, openSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { RuntError } from "../../errors.ts";
import { Fd } from "../../linux/fd.ts";
import { O_PATH, openat2, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../../linux/openat2.ts";
import { hasCode } from "../../linux/system-error.ts";
import { readPieces } from "../content/hash-file.ts";
import type { IngestOptions, IngestTarget } from "../content/ingest.ts";
import type { ContentStore } from "../content/store.ts";
import { compressionOfBytes, magicBytes } from "./compression.ts";
import { type ArchivedBlob, type ArchiveSource, documentBytes } from "./source.ts";

/** Files are opened within the directory: what its documents and links say leads nowhere else. */
export class DirectorySource implements ArchiveSource, Disposable {
  readonly name: string;
  readonly #directory: Fd;
  readonly #content: ContentStore;
  readonly #options: IngestOptions;

  /** @throws ENOENT, ENOTDIR */
  constructor(path: string, content: ContentStore, options: IngestOptions) {
    this.name = path;
    this.#directory = new Fd(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
    this.#content = content;
    this.#options = options;
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }

  async document(path: string): Promise<Uint8Array | undefined> {
    await using file = await this.#open(path);
    if (file === undefined) return undefined;
    const { size } = await file.stat();
    if (size > documentBytes) throw this.#refusal(`${path} is too large a document`);
    return file.readFile();
  }

  async blob(path: string, expected: IngestTarget = {}): Promise<ArchivedBlob | undefined> {
    await using file = await this.#open(path);
    if (file === undefined) return undefined;
    const head = Buffer.alloc(magicBytes);
    await file.read(head, 0, magicBytes, 0);
    const { size } = await file.stat();
    const compression = compressionOfBytes(head, { name: `${this.name}: ${path}`, operation: "load" });
    if (expected.size !== undefined && expected.size !== size) {
      throw this.#refusal(`${path} has ${size} bytes, not ${expected.size}`, "FailedPrecondition");
    }
    const opened = await this.#content.ingest({ ...expected, size }, this.#options);
    if (opened === "present") return { digest: expected.digest!, size, compression };
    await using ingest = opened;
    if (ingest.offset > 0) await ingest.restart();
    for await (const piece of readPieces(file, this.#options)) await ingest.write(piece);
    return { digest: await ingest.commit(), size, compression };
  }

  async #open(path: string): Promise<FileHandle | undefined> {
    try {
      // O_PATH: opening a fifo or a device to look at it would wait, or do something.
      using found = openat2(this.#directory, path, {
        flags: O_PATH,
        resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
      });
      if (fstatSync(found.n).isFile()) return await open(`/proc/self/fd/${found.n}`, "r");
    } catch (error) {
      if (hasCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
      throw error;
    }
    throw this.#refusal(`${path} is not a file`);
  }

  #refusal(what: string, kind: "InvalidArgument" | "FailedPrecondition" = "InvalidArgument"): RuntError {
    return new RuntError(kind, `${this.name}: ${what}`, { operation: "load", subject: this.name });
  }
}
