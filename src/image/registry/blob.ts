/**
 * Gets a blob as a stream of exactly its bytes. A connection that ends early is taken up again where it ended,
 * at the next server where the first one fails for good; the reader notices nothing but the wait.
 */

import { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { parseContentRange } from "../../spec/distribution/ranges.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { digestOf } from "../../spec/image/digest.ts";
import { algorithmOf } from "../../spec/image/digest-parts.ts";
import { connectionFailure, failure, refusal, type Task } from "./failure.ts";
import type { Patience } from "./options.ts";
import { type HttpResponse, headerOf, lengthOf } from "./response.ts";
import { backOffMs, wait } from "./retry.ts";

/** A server that has the blob. */
export interface BlobSource {
  /** Host, for messages. */
  readonly name: string;
  /** Asks for the blob with these headers; the answer is final, and any status. */
  get(headers: Readonly<Record<string, string>>): Promise<HttpResponse>;
}

/** What is read, from where on, and how patiently. */
export interface BlobRequest {
  readonly descriptor: Descriptor;
  /** In the order of asking. */
  readonly sources: readonly BlobSource[];
  /** First byte that is wanted. */
  readonly offset: number;
  readonly task: Task;
  readonly patience: Patience;
  readonly signal: AbortSignal | undefined;
}

/** Connections to one server in a row that brought nothing. */
const MOST_VAIN_OPENS = 3;

/**
 * Opens a blob. Size is checked, the digest is not: whoever stores the bytes hashes them anyway.
 * @returns a stream to be read once, from `offset` to the end
 * @throws {RuntError} NotFound, PermissionDenied, Unavailable, here or while reading; the signal's reason
 */
export async function openBlob(request: BlobRequest): Promise<AsyncIterable<Uint8Array>> {
  const { descriptor, offset } = request;
  const embedded = embeddedContent(descriptor);
  if (embedded !== undefined) return only(embedded.subarray(offset));
  if (offset >= descriptor.size && descriptor.size > 0) return only(new Uint8Array());
  const reader = new BlobReader(request);
  return reader.read(await reader.open(offset));
}

/** The content that a descriptor brings along, if it is what the descriptor says. */
export function embeddedContent({ data, digest, size }: Descriptor): Uint8Array | undefined {
  if (data === undefined) return undefined;
  const bytes = Buffer.from(data, "base64");
  return bytes.length === size && digestOf(bytes, algorithmOf(digest)) === digest ? bytes : undefined;
}

async function* only(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

class BlobReader {
  readonly #request: BlobRequest;
  /** Of the server in use: there is no way back to one that has failed. */
  #source = 0;
  #vainOpens = 0;

  constructor(request: BlobRequest) {
    this.#request = request;
  }

  /** A stream that begins at `position`, from the first server that gives one. */
  async open(position: number): Promise<AsyncIterable<Uint8Array>> {
    const { sources, task } = this.#request;
    for (;;) {
      const source = sources[this.#source];
      if (source === undefined) throw failure("NotFound", task, "no server may be asked for it");
      try {
        return await this.#openAt(source, position);
      } catch (error) {
        if (!this.#nextSource()) throw error;
      }
    }
  }

  async *read(first: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const { descriptor, task, signal } = this.#request;
    let stream = first;
    let position = this.#request.offset;
    for (;;) {
      try {
        for await (const chunk of stream) {
          if (chunk.length === 0) continue;
          position += chunk.length;
          if (position > descriptor.size) throw this.#wrongSize("more");
          this.#vainOpens = 0;
          yield chunk;
        }
        if (position === descriptor.size) return;
        throw new Error(`the connection ended after ${position} of ${descriptor.size} bytes`);
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        const name = this.#request.sources[this.#source]?.name ?? "";
        await this.#afterFailure(connectionFailure(error, task, name), position);
      }
      stream = await this.open(position);
    }
  }

  /** Waits before the next try, or moves on to the next server. @throws the failure where there is none */
  async #afterFailure(error: Error & { kind: string }, position: number): Promise<void> {
    const { descriptor, patience, signal } = this.#request;
    const hopeless = error.kind !== "Unavailable" || position > descriptor.size;
    if (!hopeless && ++this.#vainOpens <= MOST_VAIN_OPENS)
      await wait(backOffMs(this.#vainOpens, patience), signal);
    else if (position > descriptor.size || !this.#nextSource()) throw error;
  }

  #nextSource(): boolean {
    const { sources, signal } = this.#request;
    if (signal?.aborted || this.#source + 1 >= sources.length) return false;
    this.#source += 1;
    this.#vainOpens = 0;
    return true;
  }

  async #openAt(source: BlobSource, position: number): Promise<AsyncIterable<Uint8Array>> {
    const { task } = this.#request;
    if (position > 0) {
      const part = await source.get({ range: `bytes=${position}-`, "accept-encoding": "identity" });
      if (part.status === 206 && this.#continues(part, position)) return part.body;
      if (part.status === 200) return skip(this.#whole(part, source), position);
      if (part.status !== 206 && part.status !== 416) throw await refusal(part, task);
      await part.discard();
    }
    const whole = await source.get({ "accept-encoding": "identity" });
    if (whole.status !== 200) throw await refusal(whole, task);
    return skip(this.#whole(whole, source), position);
  }

  /** Whether a 206 is the rest of our blob: else it is taken from the start again. */
  #continues(part: HttpResponse, position: number): boolean {
    const { size } = this.#request.descriptor;
    const range = parseContentRange(headerOf(part, "content-range"));
    const isEncoded = encodingOf(part) !== undefined;
    return range !== undefined && range.first === position && (range.total ?? size) === size && !isEncoded;
  }

  #whole(response: HttpResponse, source: BlobSource): AsyncIterable<Uint8Array> {
    const encoding = encodingOf(response);
    if (encoding !== undefined) return this.#decoded(response, encoding, source);
    const length = lengthOf(response);
    if (length === undefined || length === this.#request.descriptor.size) return response.body;
    void response.discard();
    throw this.#wrongSize(String(length));
  }

  #decoded(response: HttpResponse, encoding: string, source: BlobSource): AsyncIterable<Uint8Array> {
    const decoder = decoders[encoding];
    if (decoder !== undefined) return Readable.from(response.body).compose(decoder());
    void response.discard();
    throw failure(
      "Unimplemented",
      this.#request.task,
      `${source.name} sends it with the encoding ${encoding}`,
    );
  }

  #wrongSize(found: string): Error {
    const { descriptor, task } = this.#request;
    const what = `the registry sends ${found} bytes, not ${descriptor.size} as its descriptor says`;
    return failure("Unavailable", task, what);
  }
}

const decoders: Readonly<Record<string, () => NodeJS.ReadWriteStream>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** How a body is packed for the way only; undefined is not at all. */
function encodingOf(response: HttpResponse): string | undefined {
  const encoding = (headerOf(response, "content-encoding") ?? "").trim().toLowerCase();
  return encoding === "" || encoding === "identity" ? undefined : encoding;
}

/** The stream without its first bytes, which the reader has already. */
async function* skip(stream: AsyncIterable<Uint8Array>, count: number): AsyncIterable<Uint8Array> {
  let left = count;
  for await (const chunk of stream) {
    if (left === 0) yield chunk;
    else if (chunk.length > left) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
