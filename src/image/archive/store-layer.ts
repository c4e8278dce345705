/**
 * A layer from its tar: both its names, the digest of the blob and the diffID of what is in it, from one reading.
 */
import type { Descriptor } from "../../spec/image/descriptor.ts";
import type { DiffID } from "../../spec/image/digest.ts";
import type { Compression } from "../../spec/image/media-types.ts";
import type { IngestOptions } from "../content/ingest.ts";
import type { ContentStore } from "../content/store.ts";
import { compressLayer } from "../layer/compress.ts";
import { decompressFile } from "./compression.ts";
import { layerMediaTypes } from "./put-image.ts";

export interface StoredLayer {
  readonly layer: Descriptor;
  readonly diffID: DiffID;
}

export interface StoreLayerOptions extends IngestOptions {
  /** What the layer is, for messages. */
  readonly what: string;
  readonly operation: string;
  /** For a tar that comes uncompressed; "none" keeps it so. One that comes compressed stays as it is. */
  readonly compress?: Compression | undefined;
  /** Sees the uncompressed bytes as they pass: to unpack them in the same go, or to look at them. */
  readonly through?: ((tar: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>) | undefined;
}

/**
 * Stores a tar, which may be compressed, as a layer.
 * @throws {RuntError} InvalidArgument where the compressed data is damaged; Unimplemented for a compression
 *   that runt cannot read; as `ContentStore.ingest`
 */
export async function storeLayer(
  content: ContentStore,
  tar: AsyncIterable<Uint8Array>,
  options: StoreLayerOptions,
): Promise<StoredLayer> {
  const { what, operation, signal, compress = "none", through = (bytes) => bytes } = options;
  const opened = await content.ingest({}, options);
  if (opened === "present") throw new TypeError("a blob without a digest cannot be there");
  await using ingest = opened;
  // A tar that comes compressed is stored as it passes on its way to the hash, a plain one after it. Which of the
  // two it is shows with the first bytes, which are kept until then.
  const first: Uint8Array[] = [];
  let form: Compression | undefined;
  const passing = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of tar) {
      signal?.throwIfAborted();
      if (form === undefined) first.push(Buffer.from(chunk));
      else if (form !== "none") await ingest.write(chunk);
      yield chunk;
    }
  };
  const { compression, bytes } = await decompressFile(passing(), { name: what, operation });
  form = compression;
  let diffID: DiffID;
  if (form === "none") {
    ({ diffID } = await drain(compressLayer(through(bytes), { compression: compress }), (chunk) =>
      ingest.write(chunk),
    ));
  } else {
    for (const chunk of first) await ingest.write(chunk);
    const plain = compressLayer(through(bytes), { compression: "none" });
    ({ diffID } = await drain(plain, () => Promise.resolve()));
  }
  const size = ingest.offset;
  const digest = await ingest.commit();
  const mediaType = layerMediaTypes[form === "none" ? compress : form];
  return { layer: { mediaType, digest, size }, diffID };
}

/** Reads a generator to its end. @returns what it returns */
async function drain<T>(
  generator: AsyncGenerator<Uint8Array, T>,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<T> {
  try {
    for (;;) {
      const { done, value } = await generator.next();
      if (done) return value;
      await take(value);
    }
  } finally {
    await generator.return(undefined as T);
  }
}
