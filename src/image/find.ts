/** From what people write for an image to an image of the store: a name, an ID, the beginning of an ID, a digest. */
import { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { Digest } from "../spec/image/digest.ts";
import { isIndex } from "../spec/image/media-types.ts";
import type { Platform } from "../spec/image/platform.ts";
import type { Image } from "./image.ts";
import type { NamedImage } from "./names/names.ts";
import { checkConfigPlatform } from "./platform/select.ts";
import { fullName, isShortName, parseReference, repositoryName } from "./reference/reference.ts";
import { storedImage } from "./stored-image.ts";
import type { Stores } from "./stores.ts";

/** An image of the store with all names that it goes by. */
export interface StoredImage extends Image {
  /** Full names; none for an image that lost its name to a newer one. */
  readonly names: readonly string[];
}

/** What a text means. */
export interface Found {
  readonly image: StoredImage;
  /** Full, if a name was meant. */
  readonly name: string | undefined;
  /** Whether registries.conf, its drop-ins or aliases said so: the answer is as lasting as they are. */
  readonly isByConf: boolean;
}

/** The operation that an error is said to have happened in. */
export type Asking = { readonly operation: string };

/** Every image of the store, one for each target. @param damaged is told of those that cannot be read */
export async function allImages(
  stores: Stores,
  damaged: (named: NamedImage, error: unknown) => void = () => {},
  platform?: Platform,
): Promise<StoredImage[]> {
  const byTarget = new Map<Digest, { named: NamedImage; names: string[] }>();
  for (const named of await stores.names.list()) {
    const entry = byTarget.get(named.descriptor.digest) ?? { named, names: [] };
    if (named.name !== undefined) entry.names.push(named.name);
    byTarget.set(named.descriptor.digest, entry);
  }
  const images: StoredImage[] = [];
  for (const { named, names } of byTarget.values()) {
    try {
      images.push({ ...(await imageOf(stores, named.descriptor, platform)), names });
    } catch (error) {
      damaged(named, error);
    }
  }
  return images;
}

/**
 * The image that `text` means: an ID or digest, else a name, else the beginning of an ID.
 * @throws {RuntError} NotFound; InvalidArgument where an ID's beginning is that of many
 */
export async function findImage(
  stores: Stores,
  text: string,
  { operation }: Asking,
  platform?: Platform,
): Promise<Found> {
  const named = await stores.names.list();
  const notFound = (cause?: unknown) =>
    new RuntError(
      "NotFound",
      `no such image: ${text}`,
      {
        operation,
        subject: `image ${text}`,
        hint: "runt images lists those that are here, runt pull brings others",
      },
      cause,
    );
  const withNames = async (descriptor: Descriptor): Promise<StoredImage> => ({
    ...(await imageOf(stores, descriptor, platform, `image ${text}`)),
    names: named.flatMap(({ name, descriptor: other }) =>
      name !== undefined && other.digest === descriptor.digest ? [name] : [],
    ),
  });

  const byName = nameMeant(named, text);
  const otherwise = async () => {
    const meant = await shortNameMeant(named, text);
    if (meant === undefined) throw notFound();
    return { image: await withNames(meant.descriptor), name: meant.name, isByConf: true };
  };
  if (byName) return { image: await withNames(byName.descriptor), name: byName.name, isByConf: false };

  const start = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(text)?.[1];
  const wanted = start ?? /@sha256:([0-9a-f]{64})$/.exec(text)?.[1];
  if (wanted === undefined) return await otherwise();
  const repository = text.includes("@") ? repositoryName(parseReference(text)) : undefined;
  const found = (await allImages(stores, undefined, platform)).filter(({ id, target, manifest, names }) =>
    (repository === undefined
      ? [id, target.digest, manifest.digest]
      : names.some((name) => repositoryOf(name) === repository)
        ? [target.digest, manifest.digest]
        : []
    ).some((digest) => digest.startsWith(`sha256:${wanted}`)),
  );
  if (found.length === 0) return await otherwise();
  if (new Set(found.map(({ id }) => id)).size > 1) {
    const ids = found.map(({ id }) => id.slice(7, 27)).join(", ");
    throw new RuntError("InvalidArgument", `${text} is the beginning of many image IDs: ${ids}`, {
      operation,
    });
  }
  // Two targets may lead to one image: then all their names are its names.
  const names = [...new Set(found.flatMap((image) => image.names))];
  return { image: { ...found[0]!, names }, name: undefined, isByConf: false };
}

/** The entry whose name `text` is, in full or as people shorten it. */
function nameMeant(named: readonly NamedImage[], text: string): NamedImage | undefined {
  const exact = named.find(({ name }) => name === text);
  if (exact) return exact;
  let full: string;
  try {
    full = fullName(parseReference(text));
  } catch {
    return undefined; // an ID, or nothing that can be found
  }
  return named.find(({ name }) => name === full);
}

/** The entry that registries.conf(5) says a short name means. */
async function shortNameMeant(named: readonly NamedImage[], text: string): Promise<NamedImage | undefined> {
  if (named.length === 0 || !isShortName(text)) return undefined;
  const [{ meaningsOf }, { registriesConfPlaces }] = await Promise.all([
    import("./registries-conf/short-name.ts"),
    import("./registries-conf/places.ts"),
  ]);
  const places = registriesConfPlaces(process.env);
  const names = await meaningsOf(text, places).then(
    (meanings) => meanings.names,
    (error: unknown) => {
      if (error instanceof RuntError) return []; // neither a name nor an ID, or nothing that can be looked up
      throw error;
    },
  );
  return names.map((name) => named.find((one) => one.name === name)).find((one) => one !== undefined);
}

function repositoryOf(name: string): string | undefined {
  try {
    return repositoryName(parseReference(name));
  } catch {
    return undefined;
  }
}

/**
 * The image that `descriptor` leads to, for `platform` or else for any machine that the store has it for.
 * @param subject what the user calls it
 * @throws {RuntError} NotFound where it is not here for `platform`
 */
export async function imageOf(
  stores: Stores,
  descriptor: Descriptor,
  platform?: Platform,
  subject?: string,
): Promise<Image> {
  const image = await storedImage(stores.content, descriptor, platform);
  // An index has been asked already, and knows better than many a config.
  if (platform && !isIndexed(image))
    checkConfigPlatform(image.config, platform, subject ?? `image ${image.id}`);
  return image;
}

/** Whether a name points to an index. */
export function isIndexed({ target }: Image): boolean {
  return isIndex(target.mediaType);
}
