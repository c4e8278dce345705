/** From a descriptor to an image that the store has: for a platform, or for any machine. */
import { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import { parseImageDocument } from "../spec/image/document.ts";
import { isIndex, isManifest } from "../spec/image/media-types.ts";
import { isUnknown, type Platform } from "../spec/image/platform.ts";
import type { ContentStore } from "./content/store.ts";
import { fromStore, type Image, imageOfManifest, invalid } from "./image.ts";
import { hostPlatform } from "./platform/host.ts";
import { candidates, isConfigFor, isImage } from "./platform/select.ts";

/** Indexes in indexes are legal; without end they are not. */
const deepest = 8;

/**
 * Follows `target` to an image.
 * @param platform by default this machine's, and where there is none for it any that is here
 * @throws {RuntError} NotFound where an index leads to none; InvalidArgument where it is no image
 */
export async function storedImage(
  content: ContentStore,
  target: Descriptor,
  platform?: Platform,
): Promise<Image> {
  const found =
    (await search(content, target, platform ?? hostPlatform())) ??
    (platform ? undefined : await search(content, target, "any"));
  if (found) return found;
  const site = { operation: "image", subject: `image ${target.digest}`, hint: "pull it with --platform" };
  throw new RuntError("NotFound", `image ${target.digest} is not here for this platform`, site);
}

/** Depth first, as `selectImage` does it at a registry, passing over what is not here. */
async function search(
  content: ContentStore,
  target: Descriptor,
  platform: Platform | "any",
): Promise<Image | undefined> {
  const read = fromStore(content);
  // Indexes may lead to the same thing by many ways.
  const passedOver = new Set<string>();
  const visit = async (descriptor: Descriptor, depth: number): Promise<Image | undefined> => {
    if (depth === deepest) throw invalid(target, "has indexes in indexes without end");
    const origin = { where: `image ${descriptor.digest}`, operation: "image" };
    const document = parseImageDocument(await read(descriptor), descriptor.mediaType, origin);
    if (document.kind === "manifest") {
      if (depth > 0 && !isImage(document.manifest)) return undefined;
      const image = await imageOfManifest(target, descriptor, document.manifest, read);
      // An index that says what it is for knows better than many a config. One that does not may lead to anything.
      const isStated = depth === 0 || descriptor.platform !== undefined || platform === "any";
      return isStated || isConfigFor(image.config, platform) ? image : undefined;
    }
    const { index } = document;
    for (const entry of platform === "any" ? imagesIn(index.manifests) : candidates(index, platform)) {
      const key = `${entry.digest} ${entry.platform !== undefined}`;
      if (passedOver.has(key) || !(await content.has(entry.digest))) continue;
      const found = await visit(entry, depth + 1);
      if (found) return found;
      passedOver.add(key);
    }
    return undefined;
  };
  return await visit(target, 0);
}

/** Entries of an index that may lead to images: attestations and other artifacts do not. */
export function imagesIn(entries: readonly Descriptor[]): Descriptor[] {
  return entries.filter(
    ({ mediaType, artifactType, platform }) =>
      (isManifest(mediaType) || isIndex(mediaType)) &&
      artifactType === undefined &&
      !(platform && isUnknown(platform)),
  );
}
