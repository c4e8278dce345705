/** An image that is there for several machines: which of them the store has, and which of those are meant. */
import { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { Digest } from "../spec/image/digest.ts";
import { parseImageDocument } from "../spec/image/document.ts";
import { isIndex } from "../spec/image/media-types.ts";
import { formatPlatform, type Platform } from "../spec/image/platform.ts";
import { imageOf } from "./find.ts";
import type { Image } from "./image.ts";
import { normalisePlatform } from "./platform/platform.ts";
import { imagesIn } from "./stored-image.ts";
import type { Stores } from "./stores.ts";

/** An image that is here, and what for. */
export interface PresentImage {
  readonly image: Image;
  /** As the index says, which may name it for several; else as its config says. */
  readonly platforms: readonly Platform[];
}

/** The manifests that `target` leads to and that are here, once for each entry of an index. */
async function* manifestsHere({ content }: Stores, target: Descriptor): AsyncGenerator<Descriptor> {
  const todo = [target];
  const seen = new Set<Digest>();
  for (const descriptor of todo) {
    const { digest, mediaType } = descriptor;
    if (!isIndex(mediaType)) {
      yield descriptor;
      continue;
    }
    if (seen.has(digest)) continue;
    seen.add(digest);
    const origin = { where: `image ${digest}`, operation: "image" };
    const document = parseImageDocument(await content.readSmall(digest), mediaType, origin);
    for (const entry of document.kind === "index" ? imagesIn(document.index.manifests) : []) {
      if (await content.has(entry.digest)) todo.push(entry);
    }
  }
}

/** The images that `target` leads to and that are here. */
async function presentImages(stores: Stores, target: Descriptor): Promise<PresentImage[]> {
  const here = new Map<Digest, { image: Image; platforms: Platform[] }>();
  for await (const descriptor of manifestsHere(stores, target)) {
    try {
      const known = here.get(descriptor.digest) ?? {
        image: await imageOf(stores, descriptor),
        platforms: [],
      };
      const { os, architecture, variant } = known.image.config;
      known.platforms.push(normalisePlatform(descriptor.platform ?? { os, architecture, variant }));
      here.set(descriptor.digest, known);
    } catch (error) {
      if (!(error instanceof RuntError)) throw error; // no image, or a damaged one, which fsck tells of
    }
  }
  return [...here.values()];
}

/**
 * The images for exactly `platforms`, of those that `target` leads to and that are here: what else would run there is
 * another image.
 * @throws {RuntError} NotFound where there is none for one of the platforms
 */
export async function chosenImages(
  stores: Stores,
  target: Descriptor,
  platforms: readonly Platform[],
): Promise<{ here: readonly PresentImage[]; chosen: readonly PresentImage[] }> {
  const here = await presentImages(stores, target);
  const chosen = new Set<PresentImage>();
  for (const platform of platforms) {
    const found = here.filter((one) => one.platforms.some((other) => isSame(other, platform)));
    if (found.length === 0) throw notFor(target, platform, here);
    for (const one of found) chosen.add(one);
  }
  return { here, chosen: [...chosen] };
}

/** Whether both mean the same machine, however they write it. */
export function isSame(a: Platform, b: Platform): boolean {
  const [one, other] = [normalisePlatform(a), normalisePlatform(b)];
  return (["os", "architecture", "variant"] as const).every((key) => one[key] === other[key]);
}

function notFor({ digest }: Descriptor, wanted: Platform, here: readonly PresentImage[]): RuntError {
  const names = here.flatMap(({ platforms }) => platforms.map(formatPlatform)).filter((name) => name !== "");
  const what =
    names.length > 0 ? `it is for ${[...new Set(names)].join(", ")}` : "it does not say what it is for";
  const subject = `image ${digest}`;
  return new RuntError("NotFound", `${subject} is not here for ${formatPlatform(wanted)}: ${what}`, {
    operation: "rmi",
    subject,
  });
}
