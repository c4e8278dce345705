/** The other way round: an archive as a blob, with both of its names. */
import { createHash } from "node:crypto";
import { constants, createGzip, createZstdCompress } from "node:zlib";
import type { DiffID, Digest } from "../../spec/image/digest.ts";
import type { Compression } from "../../spec/image/media-types.ts";

/** Known when all bytes have been taken. */
export interface CompressedLayer {
  readonly diffID: DiffID;
  readonly digest: Digest;
  readonly size: number;
}

/**
 * Compresses an archive; the same bytes give the same bytes, as long as it is the same version of zlib or zstd.
 * @param level of gzip or zstd
 * @returns through the generator the bytes, at its end what they are called
 */
export async function* compressLayer(
  archive: AsyncIterable<Uint8Array>,
  { compression, level }: { compression: Compression; level?: number },
): AsyncGenerator<Uint8Array, CompressedLayer> {
  const plain = createHash("sha256");
  const packed = createHash("sha256");
  let size = 0;
  async function* hashed(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of archive) {
      plain.update(chunk);
      yield chunk;
    }
  }
  for await (const chunk of compression === "none" ? hashed() : deflated(hashed(), compression, level)) {
    packed.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  return {
    diffID: `sha256:${plain.digest("hex")}` as DiffID,
    digest: `sha256:${packed.digest("hex")}` as Digest,
    size,
  };
}

async function* deflated(
  source: AsyncGenerator<Uint8Array, void>,
  compression: "gzip" | "zstd",
  level: number | undefined,
): AsyncGenerator<Uint8Array, void> {
  const deflater =
    compression === "gzip"
      ? createGzip(level === undefined ? {} : { level })
      : createZstdCompress(
          level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } },
        );
  const feeding = (async () => {
    try {
      for await (const chunk of source)
        await new Promise<void>((resolve, reject) => {
          deflater.write(chunk, (error) => (error ? reject(error) : resolve()));
        });
      deflater.end();
    } catch (error) {
      deflater.destroy(error as Error);
    }
  })();
  try {
    yield* deflater;
  } finally {
    deflater.destroy();
    await feeding;
    await source.return();
  }
}
