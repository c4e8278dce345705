/**
 * A blob on its way through: from the registry into the store and, at the same time, to whoever unpacks it, so that
 * each byte is read once. A blob that the store has comes from there.
 */
import type { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { Ingest } from "./content/ingest.ts";
import type { Lease } from "./content/lease.ts";
import type { ContentStore } from "./content/store.ts";

/** Where blobs come from that the store has not. */
export type FetchBlob = (
  descriptor: Descriptor,
  options: {
    readonly offset: number;
    /** "origin": not from a mirror, for one has sent something else before. */
    readonly from: "any" | "origin";
    readonly signal: AbortSignal;
  },
) => Promise<AsyncIterable<Uint8Array>> | AsyncIterable<Uint8Array>;

export interface BlobStreamOptions {
  readonly content: ContentStore;
  readonly lease: Lease;
  /** Absent where the store has everything. */
  readonly fetchBlob?: FetchBlob | undefined;
  readonly from: "any" | "origin";
  readonly signal: AbortSignal;
  /** Told of the bytes that are here so far. */
  readonly onBytes: (bytes: number, from: "store" | "registry") => void;
}

/** The bytes of a blob. */
export class BlobStream implements AsyncDisposable {
  /** To be read once; who stops early leaves the rest to `finish`. A piece is valid until the next is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Whether the store had it. */
  readonly isStored: boolean;
  readonly #source: AsyncGenerator<Uint8Array>;
  readonly #ingest: Ingest | undefined;
  #isMismatched = false;

  private constructor(source: AsyncGenerator<Uint8Array>, ingest: Ingest | undefined) {
    this.#source = source;
    this.bytes = { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
    this.isStored = ingest === undefined;
    this.#ingest = ingest;
  }

  /**
   * Opens the blob; waits while another process fetches it.
   * @throws {RuntError} NotFound where the store has not got it and there is nowhere to fetch it from
   */
  static async open(descriptor: Descriptor, options: BlobStreamOptions): Promise<BlobStream> {
    const { content, lease, fetchBlob, from, signal, onBytes } = options;
    if (!fetchBlob) {
      await lease.keep(descriptor.digest);
      await content.stat(descriptor.digest);
      return new BlobStream(
        counted(content.read(descriptor.digest, signal), (bytes) => onBytes(bytes, "store")),
        undefined,
      );
    }
    const ingest = await content.ingest(descriptor, { lease, signal });
    if (ingest === "present") {
      return new BlobStream(
        counted(content.read(descriptor.digest, signal), (bytes) => onBytes(bytes, "store")),
        undefined,
      );
    }
    const fetchFrom = (offset: number) => fetchBlob(descriptor, { offset, from, signal });
    const bytes = received(ingest, descriptor, fetchFrom, signal);
    return new BlobStream(
      counted(bytes, (count) => onBytes(count, "registry")),
      ingest,
    );
  }

  /**
   * Reads what nobody has read yet, and makes the blob one of the store.
   * @throws {RuntError} FailedPrecondition where size or digest are wrong
   */
  async finish(): Promise<void> {
    if (!this.#ingest || this.#isMismatched) return;
    for await (const _ of this.bytes);
    try {
      await this.#ingest.commit();
    } catch (error) {
      this.#isMismatched = (error as RuntError).kind === "FailedPrecondition";
      throw error;
    }
  }

  /** Whether all bytes came, and were not those that the digest says. */
  get isMismatched(): boolean {
    return this.#isMismatched;
  }

  /** What was fetched of a blob that did not arrive whole is kept for the next try. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return(undefined).catch(() => {});
    await this.#ingest?.[Symbol.asyncDispose]();
  }
}

/** What an earlier try left, then the rest. */
async function* received(
  ingest: Ingest,
  descriptor: Descriptor,
  fetchFrom: (offset: number) => ReturnType<FetchBlob>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield* ingest.replay(signal);
  if (ingest.offset === descriptor.size) return;
  for await (const chunk of await fetchFrom(ingest.offset)) {
    await ingest.write(chunk);
    yield chunk;
  }
}

async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of bytes) {
    total += chunk.length;
    onBytes(total);
    yield chunk;
  }
}
