/** Images of the store as an archive. */
import type { Platform } from "../spec/image/platform.ts";
import type { ImageToSave } from "./archive/contents.ts";
import type { ArchiveFormat } from "./archive/save.ts";
import { noteImages } from "./event.ts";
import { findImage } from "./find.ts";
import type { Image } from "./image.ts";
import type { Stores } from "./stores.ts";

export interface SaveImagesOptions {
  readonly format: ArchiveFormat | "oci-dir";
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface SavedImage extends ImageToSave {
  readonly image: Image;
}

/**
 * The images that `texts` mean, once each: under the names that were asked for, or under none for an ID.
 * @throws {RuntError} NotFound
 */
export async function imagesToSave(
  stores: Stores,
  texts: readonly string[],
  platform?: Platform,
): Promise<SavedImage[]> {
  const images = new Map<string, SavedImage & { names: string[] }>();
  for (const text of texts) {
    const { image, name } = await findImage(stores, text, { operation: "save" }, platform);
    const entry = images.get(image.target.digest) ?? { names: [], target: image.target, image };
    if (name !== undefined && !entry.names.includes(name)) entry.names.push(name);
    images.set(image.target.digest, entry);
  }
  return [...images.values()];
}

/**
 * The bytes of an archive of the images.
 * @throws {RuntError} NotFound, before the first byte
 */
export async function* saveImages(
  stores: Stores,
  texts: readonly string[],
  options: SaveImagesOptions & { readonly format: ArchiveFormat },
): AsyncGenerator<Uint8Array> {
  const { archiveOf } = await import("./archive/save.ts");
  const images = await imagesToSave(stores, texts, options.platform);
  yield* archiveOf(stores.content, images, options);
  await noteImages(stores, "save", images);
}

/**
 * Writes the images to `path`: a file that is there when it is whole, or a directory in image-layout form.
 * @throws {RuntError} NotFound; Unavailable where the disk is full
 */
export async function saveImagesTo(
  stores: Stores,
  texts: readonly string[],
  path: string,
  { format, ...options }: SaveImagesOptions,
): Promise<void> {
  if (format === "oci-dir") {
    const { saveLayout } = await import("./archive/save.ts");
    const images = await imagesToSave(stores, texts, options.platform);
    await saveLayout(stores.content, images, path, options);
    return await noteImages(stores, "save", images);
  }
  const { writeWhole } = await import("./archive/write-file.ts");
  await writeWhole(path, saveImages(stores, texts, { ...options, format }));
}
