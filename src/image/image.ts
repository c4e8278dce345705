/** An image that the store has, read: its manifest for one machine, and its config. */
import { RuntError } from "../errors.ts";
import type { ImageConfig } from "../spec/image/config.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import { type ChainID, chainIDs, type Digest } from "../spec/image/digest.ts";
import { parseImageConfig } from "../spec/image/document.ts";
import type { Manifest } from "../spec/image/manifest.ts";
import { isConfig } from "../spec/image/media-types.ts";
import type { Platform } from "../spec/image/platform.ts";
import type { ContentStore } from "./content/store.ts";

/** An image for one machine. */
export interface Image {
  /** What a name points to: the manifest, or an index that leads to it. */
  readonly target: Descriptor;
  /** Of the manifest. */
  readonly manifest: Descriptor;
  /** Digest of its config, which docker calls the image's ID. */
  readonly id: Digest;
  /** Descriptor of the config. */
  readonly configDescriptor: Descriptor;
  readonly config: ImageConfig;
  /** Bottom first. */
  readonly layers: readonly Descriptor[];
  /** One for each layer. */
  readonly chainIDs: readonly ChainID[];
}

/** Reads the bytes of a document by its descriptor. */
export type ReadDocument = (descriptor: Descriptor) => Promise<Uint8Array>;

/**
 * The image that a manifest describes.
 * @throws {RuntError} InvalidArgument where manifest and config contradict each other, or it is an artifact
 */
export async function imageOfManifest(
  target: Descriptor,
  descriptor: Descriptor,
  manifest: Manifest,
  read: ReadDocument,
): Promise<Image> {
  const { config: configDescriptor, layers, artifactType } = manifest;
  if (!isConfig(configDescriptor.mediaType)) {
    throw invalid(descriptor, `is an artifact of type ${artifactType ?? configDescriptor.mediaType}`);
  }
  const origin = { where: `image config ${configDescriptor.digest}`, operation: "image" };
  const config = parseImageConfig(await read(configDescriptor), origin);
  const { diff_ids } = config.rootfs;
  if (diff_ids.length !== layers.length) {
    throw invalid(descriptor, `has ${layers.length} layers, and its config tells of ${diff_ids.length}`);
  }
  return {
    target,
    manifest: descriptor,
    id: configDescriptor.digest,
    configDescriptor,
    config,
    layers,
    chainIDs: chainIDs(diff_ids),
  };
}

/** The error for something that is no image. */
export function invalid({ digest }: Descriptor, why: string): RuntError {
  const subject = `image ${digest}`;
  return new RuntError("InvalidArgument", `${subject} ${why}`, { operation: "image", subject });
}

/** The platform that an image says it is for. */
export function platformOf({ config, manifest }: Image): Platform {
  const { os, architecture, variant } = config;
  if (os !== "" && architecture !== "") return { os, architecture, variant };
  return manifest.platform ?? { os: os || "linux", architecture };
}

/** Documents from the store. */
export function fromStore(content: ContentStore): ReadDocument {
  return ({ digest }) => content.readSmall(digest);
}
