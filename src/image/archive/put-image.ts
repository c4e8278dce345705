/** A new image of layers that the store has: its config and its manifest are written. */
import type { Descriptor } from "../../spec/image/descriptor.ts";
import {
  CONFIG,
  type Compression,
  LAYER,
  LAYER_GZIP,
  LAYER_ZSTD,
  MANIFEST,
} from "../../spec/image/media-types.ts";
import type { IngestOptions } from "../content/ingest.ts";
import type { ContentStore } from "../content/store.ts";

/** What a layer is called in a new manifest. */
export const layerMediaTypes: Readonly<Record<Compression, string>> = {
  none: LAYER,
  gzip: LAYER_GZIP,
  zstd: LAYER_ZSTD,
};

/** Descriptors of what was written. */
export interface PutImage {
  readonly manifest: Descriptor;
  /** Its digest is the image's ID. */
  readonly config: Descriptor;
}

/**
 * Writes an image under a lease.
 * @param config JSON, kept byte by byte; its `rootfs.diff_ids` are those of `layers`
 * @param layers bottom first
 */
export async function putImage(
  content: ContentStore,
  config: Uint8Array | string,
  layers: readonly Descriptor[],
  options: IngestOptions,
): Promise<PutImage> {
  const configDescriptor = await content.put(config, CONFIG, options);
  const document = { schemaVersion: 2, mediaType: MANIFEST, config: configDescriptor, layers };
  const manifest = await content.put(JSON.stringify(document), MANIFEST, options);
  return { manifest, config: configDescriptor };
}
