/** Bytes to store: of any length, always the same for a seed, not held in memory. */
import { createCipheriv, createHash } from "node:crypto";
import type { Digest, DigestAlgorithm } from "../../../src/spec/image/digest.ts";

export interface Content {
  readonly seed: string;
  readonly size: number;
}

/** The bytes from `start` on. */
export function* bytesOf(
  { seed, size }: Content,
  { start = 0, chunkBytes = 1 << 16 }: { start?: number; chunkBytes?: number } = {},
): Generator<Uint8Array> {
  const key = createHash("sha256").update(seed).digest();
  const stream = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  let skip = start;
  for (let at = 0; at < size; at += chunkBytes) {
    const chunk = stream.update(Buffer.alloc(Math.min(chunkBytes, size - at)));
    if (skip < chunk.length) yield chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}

/** All of them. */
export function wholeOf(content: Content): Buffer {
  return Buffer.concat([...bytesOf(content)]);
}

export function contentDigest(content: Content, algorithm: DigestAlgorithm = "sha256"): Digest {
  const hash = createHash(algorithm);
  for (const chunk of bytesOf(content)) hash.update(chunk);
  return `${algorithm}:${hash.digest("hex")}` as Digest;
}
