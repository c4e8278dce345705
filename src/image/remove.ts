/** Taking names, and with the last one the image, out of the store. */
import { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { ChainID, Digest } from "../spec/image/digest.ts";
import { formatPlatform, type Platform } from "../spec/image/platform.ts";
import { collectGarbage } from "./collect.ts";
import type { Keeper } from "./content/forget.ts";
import { noteImage } from "./event.ts";
import { allImages, findImage, isIndexed, type StoredImage } from "./find.ts";
import type { Image } from "./image.ts";
import { keepForUsers } from "./in-use.ts";
import type { ImageSummary } from "./list.ts";
import { createdOf, summaryOf } from "./list.ts";
import { chosenImages, isSame, type PresentImage } from "./platforms.ts";
import type { Stores } from "./stores.ts";

/** What went. */
export interface Removed {
  /** Full names. */
  readonly untagged: readonly string[];
  /** Images that are gone, by ID. */
  readonly deleted: readonly Digest[];
  readonly layers: readonly ChainID[];
  /** Of disk. */
  readonly bytes: number;
}

export interface RemoveOptions {
  /** All names of an ID at once, images that containers use, and with `platforms` those of an index of many names. */
  readonly force: boolean;
  /** Leave what has no name any more to a later collection. */
  readonly keepGarbage?: boolean;
  /** Only the image for exactly these machines, of one that is here for several. */
  readonly platforms?: readonly Platform[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Removes a name, or by its ID an image with its name.
 * @throws {RuntError} NotFound; FailedPrecondition where an ID has many names or a container uses the image, and
 *   `force` is not given; or where another image or a running operation needs the one for `platforms`
 */
export async function removeImage(stores: Stores, text: string, options: RemoveOptions): Promise<Removed> {
  const { image, name } = await findImage(stores, text, { operation: "rmi" }, options.platforms?.[0]);
  const { platforms } = options;
  if (platforms) {
    const { here, chosen } = await chosenImages(stores, image.target, platforms);
    if (chosen.length < here.length)
      return removeSome(stores, text, image.target, chosen, { ...options, platforms });
  }
  const images = await imagesOf(stores, image);
  // An ID may be that of an image in several indexes: the others have it for other machines too.
  const names = platforms ? await namesOf(stores, image.target) : image.names;
  const last = name === undefined || names.length === 1;
  if (!options.force) {
    if (name === undefined && names.length > 1) throw conflict(text, `it has ${names.length} names`);
    const user = last && userOf(stores, images);
    if (user) throw conflict(text, `${shownUser(user)} uses it`);
  }
  const untagged = name === undefined ? names : [name];
  const drop = last ? [image.target.digest] : [];
  // Not only with the last name: another one may go at this moment.
  const whileLocked = () => keepForUsers(stores, images);
  await stores.names.change({ remove: untagged, drop, whileLocked }, options.signal);
  for (const one of untagged) await noteImage(stores, "untag", image, one);
  const deleted = await noteGone(stores, [image]);
  if (options.keepGarbage) return { untagged, deleted, layers: [], bytes: 0 };
  const { layers, bytes } = await collectGarbage(stores, options.signal, images);
  return { untagged, deleted, layers, bytes };
}

/** The image, and those for other machines that its index leads to. */
async function imagesOf(stores: Stores, image: Image): Promise<Image[]> {
  if (!isIndexed(image)) return [image];
  try {
    return (await chosenImages(stores, image.target, [])).here.map((one) => one.image);
  } catch (error) {
    // An index in the index is damaged: who wants to be rid of it shall be.
    if (error instanceof RuntError) return [image];
    throw error;
  }
}

/** Names of the very manifest or index. */
async function namesOf(stores: Stores, { digest }: Descriptor): Promise<string[]> {
  const named = await stores.names.list();
  return named.flatMap(({ name, descriptor }) =>
    name !== undefined && descriptor.digest === digest ? [name] : [],
  );
}

/** The image keeps its names, for the machines that it still is here for. */
async function removeSome(
  stores: Stores,
  text: string,
  { digest: index }: Descriptor,
  chosen: readonly PresentImage[],
  { force, keepGarbage, platforms, signal }: RemoveOptions & { readonly platforms: readonly Platform[] },
): Promise<Removed> {
  const isMeant = (one: Platform) => platforms.some((platform) => isSame(one, platform));
  const nameOf = (one: PresentImage) => formatPlatform(one.platforms.find(isMeant)!);
  for (const one of force ? [] : chosen) {
    const user = userOf(stores, [one.image]);
    if (user) throw conflict(text, `${shownUser(user)} uses the one for ${nameOf(one)}`);
    const other = one.platforms.find((platform) => !isMeant(platform));
    if (other) throw conflict(text, `the same image is there for ${formatPlatform(other)}`);
  }
  const images = chosen.map(({ image }) => image);
  const { kept } = await stores.content.forget(
    chosen.map(({ image }) => image.manifest.digest),
    {
      from: new Set([index]),
      signal,
      check(entries) {
        const names = entries.flatMap(({ name, descriptor }) =>
          name !== undefined && descriptor.digest === index ? [name] : [],
        );
        if (names.length > 1 && !force) {
          const hint = "--force removes it from all of them";
          throw conflict(text, `it would go from ${names.length} names: ${names.join(", ")}`, hint);
        }
        keepForUsers(stores, images);
      },
    },
  );
  for (const one of chosen) {
    const keeper = kept.get(one.image.manifest.digest);
    if (keeper) throw needed(text, nameOf(one), keeper);
  }
  const deleted = await noteGone(stores, images);
  if (keepGarbage) return { untagged: [], deleted, layers: [], bytes: 0 };
  const { layers, bytes } = await collectGarbage(stores, signal, images);
  return { untagged: [], deleted, layers, bytes };
}

/** Not to be had by force: the other image would be damaged, or the operation fail. */
function needed(text: string, platform: string, keeper: Keeper): RuntError {
  if (keeper === "lease")
    return conflict(text, `a running operation needs the one for ${platform}`, "try again when it has ended");
  const { name, descriptor } = keeper;
  const other = name ?? descriptor.digest;
  return conflict(text, `${other} has the same one for ${platform}`, `runt rmi ${other} first`);
}

function conflict(text: string, why: string, hint = "--force removes it all the same"): RuntError {
  return new RuntError("FailedPrecondition", `cannot remove ${text}: ${why}`, {
    operation: "rmi",
    subject: `image ${text}`,
    hint,
  });
}

/** IDs that no image has any more, which is told of: one image may be there by two manifests, or in two indexes. */
async function noteGone(stores: Stores, images: readonly Image[]): Promise<Digest[]> {
  const left = new Set((await allImages(stores)).map(({ id }) => id));
  const gone = new Map(images.filter(({ id }) => !left.has(id)).map((image) => [image.id, image]));
  for (const image of gone.values()) await noteImage(stores, "delete", image);
  return [...gone.keys()];
}

/** A directory outside the images that needs the layers of one of them. */
function userOf({ snapshots }: Stores, images: readonly Image[]): string | undefined {
  const tops = new Set(images.map(({ chainIDs }) => chainIDs.at(-1)));
  return snapshots.uses().find(({ chainID }) => tops.has(chainID))?.path;
}

/** People know a container by its ID, not by where it is kept. */
function shownUser(path: string): string {
  const id = /\/containers\/([0-9a-f]{12})[0-9a-f]{52}$/.exec(path)?.[1];
  return id === undefined ? path : `container ${id}`;
}

/** Which images `pruneImages` looks at. */
export interface PruneOptions {
  /** "dangling": those without a name. "unused": all. Never one that a container uses. */
  readonly what: "dangling" | "unused";
  /** Only those made before. */
  readonly until?: Date;
  /** Only those that this says. */
  readonly matches?: (image: ImageSummary) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Removes images that nobody needs, and collects garbage. */
export async function pruneImages(stores: Stores, options: PruneOptions): Promise<Removed> {
  const { what, until, matches, signal } = options;
  const images: StoredImage[] = [];
  /** With those for other machines. */
  const all: Image[] = [];
  for (const image of await allImages(stores)) {
    const isMeant =
      (what === "unused" || image.names.length === 0) &&
      (!until || (createdOf(image.config.created)?.getTime() ?? 0) < until.getTime()) &&
      (matches?.(summaryOf(stores, image)) ?? true);
    const those = isMeant ? await imagesOf(stores, image) : [];
    if (!isMeant || userOf(stores, those)) continue;
    images.push(image);
    all.push(...those);
  }
  const untagged = images.flatMap(({ names }) => names);
  const drop = images.map(({ target }) => target.digest);
  const whileLocked = () => keepForUsers(stores, all);
  await stores.names.change({ remove: untagged, drop, whileLocked }, signal);
  for (const image of images) {
    for (const name of image.names) await noteImage(stores, "untag", image, name);
  }
  const deleted = await noteGone(stores, images);
  const { layers, bytes } = await collectGarbage(stores, signal, all);
  return { untagged, deleted, layers, bytes };
}
