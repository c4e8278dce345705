/**
 * Images that were removed while containers were made of them. Nobody finds them any more, but a container can still be
 * committed: what that needs of its image stays as long as the container's directory does.
 */
import type { Digest } from "../spec/image/digest.ts";
import { imageOf } from "./find.ts";
import type { Image } from "./image.ts";
import type { Stores } from "./stores.ts";

/** To be called before their names go. */
export function keepForUsers({ snapshots }: Stores, images: readonly Image[]): void {
  for (const { chainIDs, manifest } of images) {
    const top = chainIDs.at(-1);
    if (top !== undefined) snapshots.keepImage(top, manifest);
  }
}

/** The image `id` as it was kept for `directory`; undefined where it was not. */
export async function keptImage(stores: Stores, directory: string, id: Digest): Promise<Image | undefined> {
  const use = stores.snapshots.uses().find(({ path }) => path === directory);
  for (const manifest of use?.images ?? []) {
    const image = await imageOf(stores, manifest);
    if (image.id === id) return image;
  }
  return undefined;
}

/** Manifests of all of them. */
export function keptManifests({ snapshots }: Stores): Digest[] {
  return snapshots.uses().flatMap(({ images = [] }) => images.map(({ digest }) => digest));
}
