/** Another name for an image. */
import { RuntError } from "../errors.ts";
import type { Platform } from "../spec/image/platform.ts";
import { noteImage } from "./event.ts";
import { findImage, type StoredImage } from "./find.ts";
import { fullName, parseReference } from "./reference/reference.ts";
import type { Stores } from "./stores.ts";

/**
 * Gives the image that `source` means the name `target`. The image that had the name stays without one.
 * @returns the image, and its new name in full
 * @throws {RuntError} NotFound; InvalidArgument for a name that is none, or one with a digest
 */
export async function tagImage(
  stores: Stores,
  source: string,
  target: string,
  platform?: Platform,
): Promise<{ image: StoredImage; name: string }> {
  const reference = parseReference(target);
  if (reference.digest !== undefined) {
    throw new RuntError("InvalidArgument", `${target}: a digest is what an image is, not a name to give it`, {
      operation: "tag",
    });
  }
  const name = fullName(reference);
  const { image } = await findImage(stores, source, { operation: "tag" }, platform);
  const old = await stores.names.get(name);
  const keep = old && old.digest !== image.target.digest ? [old] : [];
  await stores.names.change({ set: new Map([[name, image.target]]), keep, drop: [image.target.digest] });
  await noteImage(stores, "tag", image, name);
  return { image, name };
}
