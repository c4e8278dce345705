/** Images from files: loaded from an archive, or imported from a tar of a root file system; named and unpacked. */
import { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { Digest } from "../spec/image/digest.ts";
import type { Platform } from "../spec/image/platform.ts";
import type { ImportOptions } from "./archive/import.ts";
import type { ArchiveInput } from "./archive/input.ts";
import type { Lease } from "./content/lease.ts";
import { noteImage, noteImages } from "./event.ts";
import { fillLayers } from "./fill.ts";
import { imageOf } from "./find.ts";
import type { Image } from "./image.ts";
import type { OnProgress } from "./progress.ts";
import { fullName, parseReference } from "./reference/reference.ts";
import type { RegistryOptions } from "./registry/options.ts";
import type { Stores } from "./stores.ts";
import { Unwanted } from "./unwanted.ts";

export interface LoadOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ImportFileOptions extends LoadOptions, Omit<ImportOptions, "lease" | "signal"> {
  /** How a URL is reached: its proxies, time limits and the name that we give. */
  readonly registry?: RegistryOptions | undefined;
}

export interface LoadImagesOptions extends LoadOptions {
  /** Of what the archive has, only the images for these machines. */
  readonly platforms?: readonly Platform[] | undefined;
}

/** An image that the store has now. */
export interface Loaded {
  /** Full; none for an image that the archive does not name. */
  readonly names: readonly string[];
  readonly image: Image;
}

/**
 * Loads all images of an archive, or none of them.
 * @throws {RuntError} as `loadArchive` and `fillLayers`
 */
export async function loadImages(
  stores: Stores,
  input: ArchiveInput,
  options: LoadImagesOptions,
): Promise<Loaded[]> {
  const { loadArchive } = await import("./archive/load.ts");
  const { content } = stores;
  const { platforms, signal } = options;
  const loaded: Loaded[] = [];
  await using lease = await content.lease(signal);
  const unwanted = platforms && (await Unwanted.of(content, lease));
  const onChoice = unwanted?.add.bind(unwanted);
  try {
    for (const found of await loadArchive(input, content, { lease, signal, platforms, onChoice })) {
      const images = await imagesFor(stores, found.target, platforms);
      for (const image of images) await fillLayers(image, { ...stores, ...options, lease });
      loaded.push({ names: found.names, image: images[0]! });
    }
  } finally {
    // Before the names are set, which lead to it. An index that has a name already does so now.
    await unwanted?.forget();
  }
  await nameAll(stores, loaded, signal);
  await noteImages(stores, "load", loaded);
  return loaded;
}

/** One image, or one for each platform that there is one for. */
async function imagesFor(
  stores: Stores,
  target: Descriptor,
  platforms: readonly Platform[] | undefined,
): Promise<Image[]> {
  if (!platforms) return [await imageOf(stores, target)];
  const images: Image[] = [];
  for (const platform of platforms) {
    try {
      images.push(await imageOf(stores, target, platform));
    } catch (error) {
      if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
    }
  }
  return images;
}

/**
 * Makes an image of one layer out of a tar.
 * @param input a path, a URL or bytes
 * @param name undefined for none
 * @returns its ID
 * @throws {RuntError} as `importImage`, `download` and `fillLayers`
 */
export async function importFile(
  stores: Stores,
  input: ArchiveInput,
  name: string | undefined,
  options: ImportFileOptions,
): Promise<Digest> {
  const full = name === undefined ? [] : [fullName(parseReference(name))];
  const [{ importImage }, { download, isUrl }] = await Promise.all([
    import("./archive/import.ts"),
    import("./download.ts"),
  ]);
  const source =
    typeof input === "string" && isUrl(input) ? download(input, { ...options, operation: "import" }) : input;
  const { content } = stores;
  await using lease = await content.lease(options.signal);
  const { manifest, config } = await importImage(source, content, { ...options, lease });
  const image = await keepImage(stores, manifest, full, lease, options);
  await noteImage(stores, "import", image, full[0]);
  return config.digest;
}

/** Unpacks an image that was made here, and names it. */
export async function keepImage(
  stores: Stores,
  manifest: Descriptor,
  names: readonly string[],
  lease: Lease,
  options: LoadOptions,
): Promise<Image> {
  const image = await imageOf(stores, manifest);
  await fillLayers(image, { ...stores, ...options, lease });
  await nameAll(stores, [{ names, image }], options.signal);
  for (const name of names) await noteImage(stores, "tag", image, name);
  return image;
}

/** Sets all names at once. What had one of them stays without. */
async function nameAll(
  { names }: Stores,
  loaded: readonly Loaded[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const set = new Map(
    loaded.flatMap(({ names, image }) => names.map((name) => [name, image.target] as const)),
  );
  const replaced = (await names.list()).filter(
    ({ name, descriptor }) =>
      name !== undefined && set.has(name) && set.get(name)!.digest !== descriptor.digest,
  );
  const nameless = loaded.filter(({ names }) => names.length === 0).map(({ image }) => image.target);
  await names.change(
    {
      set,
      keep: [...nameless, ...replaced.map(({ descriptor }) => descriptor)],
      drop: [...set.values()].map(({ digest }) => digest),
    },
    signal,
  );
}
