/** An image that is there for several machines: which of them the store has, and which of those are meant. */
import { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import { isManifest } from "../spec/image/media-types.ts";
import { isUnknown, type Platform } from "../spec/image/platform.ts";
import { reach } from "./content/graph.ts";
import { imageOf } from "./find.ts";
import type { Image } from "./image.ts";
import type { Stores } from "./stores.ts";

/** The images of an index that are here, attestations and other artifacts left out. */
async function presentImages(stores: Stores, index: Descriptor): Promise<Image[]> {
  const images: Image[] = [];
  for await (const { digest, present, edge } of reach(stores.content.directory, [index])) {
    const { to } = edge;
    if (!present || !isManifest(to.mediaType ?? "")) continue;
    const descriptor = { ...to, digest } as Descriptor;
    if (descriptor.platform && isUnknown(descriptor.platform)) continue;
    try {
      images.push(await imageOf(stores, descriptor));
    } catch (error) {
      if (!(error instanceof RuntError)) throw error; // no image, or a damaged one, which fsck tells of
    }
  }
  return images;
}

/**
 * The images for `platforms`, of those of an index that are here.
 * @throws {RuntError} NotFound where there is none for one of the platforms
 */
export async function chosenImages(
  stores: Stores,
  index: Descriptor,
  platforms: readonly Platform[],
): Promise<{ here: readonly Image[]; chosen: readonly Image[] }> {
  const chosen = new Map<string, Image>();
  for (const platform of platforms) {
    const image = await imageOf(stores, index, platform);
    chosen.set(image.manifest.digest, image);
  }
  return { here: await presentImages(stores, index), chosen: [...chosen.values()] };
}
