/**
 * A tar of images, read once from beginning to end, because it may come from a pipe: which of its files are
 * layers is written in documents that may come last. So every file that is no document goes into the store as it
 * comes; those that turn out not to belong to an image are garbage there. Nothing is written by a name that the
 * tar has.
 */
import { posix } from "node:path";
import { RuntError } from "../../errors.ts";
import { digestOfFile } from "../content/directory.ts";
import type { IngestOptions, IngestTarget } from "../content/ingest.ts";
import type { ContentStore } from "../content/store.ts";
import { compressionOfBytes, decompressFile, magicBytes } from "./compression.ts";
import { type ArchivedBlob, type ArchiveSource, documentBytes } from "./source.ts";
import { type TarEvent, tarEvents } from "./tar-events.ts";

/** All that are held in memory; an honest archive stays far below. */
const allDocumentBytes = 64 << 20;

/** Of docker's archives before 2016, or about the archive: nobody needs them. */
const ignored = new Set(["VERSION", "json", "repositories"]);

export class TarSource implements ArchiveSource {
  readonly name: string;
  readonly #content: ContentStore;
  readonly #documents = new Map<string, Uint8Array>();
  readonly #blobs = new Map<string, ArchivedBlob>();
  /** Symbolic and hard links, to the path that they lead to. */
  readonly #links = new Map<string, string>();
  #documentBytes = 0;

  private constructor(name: string, content: ContentStore) {
    this.name = name;
    this.#content = content;
  }

  /**
   * Reads all of `bytes`, which may be compressed.
   * @param name what the user calls it
   * @throws {RuntError} InvalidArgument where it is no tar, is damaged or cut short, or beyond what is reasonable
   */
  static async read(
    bytes: AsyncIterable<Uint8Array>,
    name: string,
    content: ContentStore,
    options: IngestOptions,
  ): Promise<TarSource> {
    const source = new TarSource(name, content);
    const origin = { name, operation: "load" };
    const events = tarEvents((await decompressFile(bytes, origin)).bytes, origin);
    try {
      await source.#readTar(events, options);
    } finally {
      await events.return(undefined);
    }
    return source;
  }

  async document(path: string): Promise<Uint8Array | undefined> {
    const found = this.#follow(path);
    const bytes = this.#documents.get(found);
    if (bytes !== undefined) return bytes;
    const blob = this.#blobs.get(found);
    return blob && this.#content.readSmall(blob.digest, documentBytes);
  }

  async blob(path: string, expected: IngestTarget = {}): Promise<ArchivedBlob | undefined> {
    const blob = this.#blobs.get(this.#follow(path));
    if (blob === undefined) return undefined;
    const { digest = blob.digest, size = blob.size } = expected;
    if (digest !== blob.digest || size !== blob.size) {
      throw this.#refusal(`${path} is not what its digest says`, "FailedPrecondition");
    }
    return blob;
  }

  async #readTar(events: AsyncGenerator<TarEvent>, options: IngestOptions): Promise<void> {
    for await (const event of events) {
      if (event.type !== "entry") continue;
      const { entry, path: name, link } = event;
      const path = cleanPath(name);
      if (entry.type === "symlink" || entry.type === "hardlink") {
        const base = entry.type === "symlink" ? posix.dirname(path) : "";
        this.#links.set(path, cleanPath(posix.join(base, link)));
      }
      if (entry.type !== "file" || ignored.has(posix.basename(path))) continue;
      if (entry.sparse) throw this.#refusal(`${path} has holes, and its bytes are not all here`);
      const bytes = dataOf(events, options.signal);
      const digest = digestInPath(path);
      if (digest === undefined && isDocument(path)) {
        this.#documents.set(path, await this.#read(path, bytes, entry.size));
      } else {
        const { size } = entry;
        const target = digest === undefined ? { size } : { digest, size };
        this.#blobs.set(path, await this.#store(path, bytes, target, options));
      }
    }
  }

  async #read(path: string, bytes: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
    this.#documentBytes += size;
    if (size > documentBytes || this.#documentBytes > allDocumentBytes) {
      throw this.#refusal(`${path} is too large a document`);
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  }

  async #store(
    path: string,
    bytes: AsyncIterable<Uint8Array>,
    target: IngestTarget & { readonly size: number },
    options: IngestOptions,
  ): Promise<ArchivedBlob> {
    const opened = await this.#content.ingest(target, options);
    await using ingest = opened === "present" ? undefined : opened;
    // A try before this one may have left the beginning; here it comes again.
    if (ingest && ingest.offset > 0) await ingest.restart();
    let head = Buffer.alloc(0);
    for await (const piece of bytes) {
      if (head.length < magicBytes) head = Buffer.concat([head, piece.subarray(0, magicBytes)]);
      await ingest?.write(piece);
    }
    const compression = compressionOfBytes(head, { name: `${this.name}: ${path}`, operation: "load" });
    return { digest: (await ingest?.commit()) ?? target.digest!, size: target.size, compression };
  }

  #follow(path: string): string {
    let found = cleanPath(path);
    // Links to links occur; more than a few do not.
    for (let i = 0; i < 10; i++) found = this.#links.get(found) ?? found;
    return found;
  }

  #refusal(what: string, kind: "InvalidArgument" | "FailedPrecondition" = "InvalidArgument"): RuntError {
    const site = { operation: "load", subject: this.name };
    return new RuntError(kind, `${this.name}: ${what}`, site);
  }
}

/** `blobs/<algorithm>/<hex>` says what must be in the file. */
function digestInPath(path: string) {
  const [, algorithm, hex] = /^blobs\/(\w+)\/(\w+)$/.exec(path) ?? [];
  return algorithm && hex ? digestOfFile(algorithm, hex) : undefined;
}

function isDocument(path: string): boolean {
  return path.endsWith(".json") || path === "oci-layout";
}

function cleanPath(path: string): string {
  return posix.normalize(`/${path}`).slice(1);
}

/** The bytes of the entry that `events` has just told of. */
async function* dataOf(
  events: AsyncGenerator<TarEvent>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  // Not `for await`, which would end the events where it ends itself.
  for (let next = await events.next(); !next.done && next.value.type !== "end"; next = await events.next()) {
    signal?.throwIfAborted();
    if (next.value.type === "data") yield next.value.bytes;
  }
}
