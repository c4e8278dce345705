/**
 * Images that were removed while containers were made of them. Nobody finds them any more, but a container can still be
 * committed: what that needs of its image stays as long as the container's directory does.
 */
import { RuntError } from "../errors.ts";
import { chainIDs, type Digest } from "../spec/image/digest.ts";
import { parseImageConfig } from "../spec/image/document.ts";
import type { BaseImage } from "./commit.ts";
import type { Image } from "./image.ts";
import type { Stores } from "./stores.ts";

/** To be called under the content store's lock, before they go. Nobody notes that he needs an image without layers. */
export function keepForUsers({ snapshots }: Stores, images: readonly Image[]): void {
  for (const image of images) {
    const top = image.chainIDs.at(-1);
    if (top !== undefined) snapshots.keepImage(top, image);
  }
}

/** The image `id` as it was kept for `directory`; undefined where it was not, or is damaged. */
export async function keptImage(
  { content, snapshots }: Stores,
  directory: string,
  id: Digest,
): Promise<BaseImage | undefined> {
  const use = snapshots.uses().find(({ path }) => path === directory);
  const kept = use?.removed?.find((image) => image.id === id);
  if (!kept) return undefined;
  try {
    const origin = { where: `image config ${id}`, operation: "image" };
    const config = parseImageConfig(await content.readSmall(id), origin);
    return { id, config, layers: kept.layers, chainIDs: chainIDs(config.rootfs.diff_ids) };
  } catch (error) {
    if (error instanceof RuntError) return undefined;
    throw error;
  }
}

/** Configs and layers of all of them. */
export function keptBlobs({ snapshots }: Stores): Digest[] {
  return snapshots
    .uses()
    .flatMap(({ removed = [] }) =>
      removed.flatMap(({ id, layers }) => [id, ...layers.map(({ digest }) => digest)]),
    );
}
