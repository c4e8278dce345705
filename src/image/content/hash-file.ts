/** Reads a file through a hash, piece by piece. */
import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import type { Digest } from "../../spec/image/digest.ts";
import { algorithmOf } from "../../spec/image/digest-parts.ts";

const pieceBytes = 1 << 20;

/**
 * The bytes of an open file from `start` up to `end`, in pieces that are each valid until the next is asked
 * for. Ends early where the file does.
 */
export async function* readPieces(
  file: FileHandle,
  {
    start = 0,
    end = Number.POSITIVE_INFINITY,
    signal,
  }: { start?: number; end?: number; signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(pieceBytes, end - start)));
  for (let at = start; at < end; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Feeds the first `end` bytes of an open file to `hash`. */
export async function hashInto(
  hash: Hash,
  file: FileHandle,
  end: number,
  signal?: AbortSignal,
): Promise<void> {
  for await (const piece of readPieces(file, { end, signal })) hash.update(piece);
}

/** The digest that the file at `path` has, by the algorithm of the one that it should have, and its size. */
export async function digestOfContents(
  path: string,
  expected: Digest,
  signal?: AbortSignal,
): Promise<{ digest: Digest; size: number }> {
  await using file = await open(path, "r");
  const algorithm = algorithmOf(expected);
  const hash = createHash(algorithm);
  let size = 0;
  for await (const piece of readPieces(file, { signal })) {
    hash.update(piece);
    size += piece.length;
  }
  return { digest: `${algorithm}:${hash.digest("hex")}` as Digest, size };
}
