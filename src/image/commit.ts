/** What a container has changed, as one more layer on its image. */
import { RuntError } from "../errors.ts";
import type { ContainerConfig } from "../spec/image/config.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import { compressionOf, isNondistributable } from "../spec/image/media-types.ts";
import { applyChanges } from "./archive/change.ts";
import { layerMediaTypes, putImage } from "./archive/put-image.ts";
import { storeLayer } from "./archive/store-layer.ts";
import type { Image } from "./image.ts";
import { type PackOptions, packLayer } from "./layer/pack.ts";
import { keepImage } from "./load.ts";
import { fullName, parseReference } from "./reference/reference.ts";
import type { WritableLayer } from "./snapshot/writable.ts";
import type { Stores } from "./stores.ts";

export interface CommitOptions {
  /** The new image's; undefined for none. */
  readonly name?: string | undefined;
  /** Instructions of a Dockerfile, over the image's config. */
  readonly changes?: readonly string[];
  /** How the container was made, in place of the image's config. */
  readonly config?: ContainerConfig | undefined;
  readonly author?: string | undefined;
  readonly message?: string | undefined;
  /** What the history says that made the layer. */
  readonly createdBy?: string;
  /** When; now unless said. */
  readonly created?: Date;
  readonly compress?: "gzip" | "zstd" | "none";
  /** Whose a file is in the image, where that is not as on disk. */
  readonly owner?: PackOptions["owner"];
  /** Is told what could not be put into a layer. */
  readonly onWarning?: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What is needed of an image to make another one of it. */
export type BaseImage = Pick<Image, "id" | "config" | "layers" | "chainIDs">;

/**
 * Makes an image of `image` and what `writable` has on top of it. Its init layer is no part of it. The container had
 * better not write meanwhile.
 * @throws {RuntError} FailedPrecondition for a layer that is not on top of this image, or cannot be an image's
 */
export async function commitImage(
  stores: Stores,
  image: BaseImage,
  writable: WritableLayer,
  options: CommitOptions = {},
): Promise<Image> {
  const { content, snapshots } = stores;
  const {
    name,
    changes = [],
    author,
    message,
    createdBy = "",
    compress = "gzip",
    signal,
    onWarning,
  } = options;
  const names = name === undefined ? [] : [fullName(parseReference(name))];
  const use = snapshots.uses().find(({ path }) => path === writable.directory);
  if (use?.chainID !== image.chainIDs.at(-1)) {
    throw new RuntError("FailedPrecondition", `${writable.directory} is not on top of image ${image.id}`, {
      operation: "commit",
      path: writable.directory,
    });
  }
  await using lease = await content.lease(signal);
  await lease.keep(image.id, ...image.layers.map(({ digest }) => digest));
  const packed = packLayer(writable.upper, {
    source: "overlay",
    ...(options.owner && { owner: options.owner }),
    ...(onWarning && { onWarning }),
    ...(signal && { signal }),
  });
  const { layer, diffID } = await storeLayer(content, packed, {
    lease,
    signal,
    compress,
    what: writable.upper,
    operation: "commit",
  });
  const created = (options.created ?? new Date()).toISOString();
  // What we do not know of the config stays in it.
  const config = JSON.parse(Buffer.from(await content.readSmall(image.id)).toString("utf8"));
  const text = JSON.stringify({
    ...config,
    created,
    ...(author !== undefined && { author }),
    ...((changes.length > 0 || options.config) && {
      config: { ...config.config, ...applyChanges(options.config ?? image.config.config, changes) },
    }),
    rootfs: { type: "layers", diff_ids: [...image.config.rootfs.diff_ids, diffID] },
    history: [
      ...(config.history ?? []),
      {
        created,
        created_by: createdBy,
        ...(author !== undefined && { author }),
        ...(message !== undefined && { comment: message }),
      },
    ],
  });
  const layers = [...image.layers.map(asOci), layer];
  const { manifest } = await putImage(content, text, layers, { lease, signal });
  return await keepImage(stores, manifest, names, lease, { signal });
}

/** The new manifest is OCI's, and so are the words in it. */
function asOci(layer: Descriptor): Descriptor {
  const compression = compressionOf(layer.mediaType);
  if (compression === undefined || isNondistributable(layer.mediaType)) return layer;
  return { ...layer, mediaType: layerMediaTypes[compression] };
}
