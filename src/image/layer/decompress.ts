/**
 * Takes the compression off a layer. What the bytes are decides, not what the media type says: docker's plain type has
 * been seen on gzip. zlib works on libuv's threads, so this goes on while the thread that reads it does something else.
 */
import { createGunzip, createZstdDecompress } from "node:zlib";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Compression } from "../../spec/image/media-types.ts";
import { malformed } from "./malformed.ts";

export interface Decompressed {
  readonly compression: Compression;
  /** Each chunk is good until the next is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Output of one task of libuv: large enough that going there and back does not count. */
const chunkSize = 512 * 1024;
/** Input of one, so that most of them fill a chunk; what a registry sends at once may be much larger. */
const inputSize = 256 * 1024;
/** How much of it waits: with nothing there zlib would stand still for as long as this thread does something else. */
const mostInputs = 2;

const magics: readonly {
  readonly compression: Compression | "xz" | "bzip2";
  readonly bytes: readonly number[];
}[] = [
  { compression: "gzip", bytes: [0x1f, 0x8b] },
  { compression: "zstd", bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { compression: "xz", bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { compression: "bzip2", bytes: [0x42, 0x5a, 0x68] },
];
const longestMagic = 6;
/** A bzip2 file goes on with this, a tar whose first name begins with "BZh" does not. */
const bzip2Block = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];

/**
 * What the first bytes of a layer say.
 * @throws {RuntError} Unimplemented for what is no layer format
 */
export function sniff(head: Uint8Array): Compression {
  const found = magics.find(({ bytes }) => bytes.every((byte, i) => head[i] === byte))?.compression;
  if (found === "xz" || (found === "bzip2" && bzip2Block.every((byte, i) => head[4 + i] === byte)))
    throw new RuntError(
      "Unimplemented",
      `layers compressed with ${found} are not known to the image format`,
      {
        operation: "unpack",
      },
    );
  // A zstd file may begin with a frame that is to be skipped: 0x184D2A50 to 0x184D2A5F.
  if ((head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return "zstd";
  return found === "gzip" || found === "zstd" ? found : "none";
}

/**
 * All members of a gzip file, all frames of a zstd file; bytes as they are otherwise. All of `source` is read, what
 * follows the compressed data too.
 * @throws {RuntError} InvalidArgument where it is damaged or truncated; Unimplemented; what `source` throws
 */
export async function decompress(source: AsyncIterable<Uint8Array>): Promise<Decompressed> {
  const chunks = source[Symbol.asyncIterator]();
  const head = await firstBytes(chunks, longestMagic + 4);
  const compression = sniff(head);
  const whole = joined(head, chunks);
  return { compression, bytes: compression === "none" ? whole : inflated(compression, whole) };
}

/** Chunks until there are `wanted` bytes, in one. */
async function firstBytes(chunks: AsyncIterator<Uint8Array>, wanted: number): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < wanted) {
    const { done, value } = await chunks.next();
    if (done) break;
    // A chunk is good until the next is asked for: what is kept is a copy.
    head = head.length === 0 && value.length >= wanted ? value : Buffer.concat([head, value]);
  }
  return head;
}

async function* joined(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  try {
    if (head.length > 0) yield head;
    for (;;) {
      const { done, value } = await rest.next();
      if (done) return;
      yield value;
    }
  } finally {
    await rest.return?.();
  }
}

async function* inflated(
  compression: "gzip" | "zstd",
  source: AsyncGenerator<Uint8Array, void>,
): AsyncGenerator<Uint8Array, void> {
  const options = { chunkSize, readableHighWaterMark: 2 * chunkSize, writableHighWaterMark: 2 * inputSize };
  const inflater = compression === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  let sourceError: unknown;
  let isWanted = true;
  const ended = new Promise<void>((resolve) => inflater.once("close", resolve).once("end", resolve));
  const free: Buffer[] = [];
  const waiting: Promise<void>[] = [];
  const taken = (buffer: Buffer, length: number) =>
    new Promise<void>((resolve) =>
      inflater.write(buffer.subarray(0, length), () => {
        free.push(buffer);
        resolve();
      }),
    );
  const feeding = (async () => {
    try {
      for await (const chunk of source) {
        // To the end even if the compressed data ends before it, as long as anybody wants the end.
        if (!isWanted) break;
        for (let at = 0; at < chunk.length; at += inputSize) {
          // A copy: the chunk belongs to the source again before zlib has taken it in.
          const buffer = free.pop() ?? Buffer.allocUnsafeSlow(inputSize);
          const piece = chunk.subarray(at, at + inputSize);
          buffer.set(piece);
          waiting.push(taken(buffer, piece.length));
          if (waiting.length > mostInputs) await Promise.race([waiting.shift(), ended]);
        }
      }
      inflater.end();
    } catch (error) {
      sourceError = error;
      inflater.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  })();
  try {
    yield* inflater;
    await feeding;
    if (sourceError !== undefined) throw sourceError;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    throw hasCode(error, "Z_DATA_ERROR", "Z_BUF_ERROR") || isZstdError(error)
      ? damaged(compression, error as Error)
      : error;
  } finally {
    isWanted = false;
    inflater.destroy();
    await feeding;
    await source.return();
  }
}

function isZstdError(error: unknown): boolean {
  return error instanceof Error && String((error as { code?: string }).code).startsWith("ZSTD_");
}

function damaged(compression: string, error: Error): RuntError {
  const isShort = hasCode(error, "Z_BUF_ERROR");
  const what = isShort
    ? `the ${compression} data is truncated`
    : `the ${compression} data is damaged: ${error.message}`;
  return malformed(what, undefined, error);
}
