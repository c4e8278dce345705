/** Images from files: loaded from an archive, or imported from a tar of a root file system; named and unpacked. */
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { Digest } from "../spec/image/digest.ts";
import type { ImportOptions } from "./archive/import.ts";
import type { ArchiveInput } from "./archive/input.ts";
import type { Lease } from "./content/lease.ts";
import { fillLayers } from "./fill.ts";
import { imageOf } from "./find.ts";
import type { Image } from "./image.ts";
import type { OnProgress } from "./progress.ts";
import { fullName, parseReference } from "./reference/reference.ts";
import type { Stores } from "./stores.ts";

export interface LoadOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
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
  options: LoadOptions,
): Promise<Loaded[]> {
  const { loadArchive } = await import("./archive/load.ts");
  const { content } = stores;
  const { signal } = options;
  await using lease = await content.lease(signal);
  const found = await loadArchive(input, content, { lease, signal });
  const loaded: Loaded[] = [];
  for (const { names, target } of found) {
    const image = await imageOf(stores, target);
    await fillLayers(image, { ...stores, ...options, lease });
    loaded.push({ names, image });
  }
  await nameAll(stores, loaded, signal);
  return loaded;
}

/**
 * Makes an image of one layer out of a tar.
 * @param name undefined for none
 * @returns its ID
 * @throws {RuntError} as `importImage` and `fillLayers`
 */
export async function importFile(
  stores: Stores,
  input: ArchiveInput,
  name: string | undefined,
  options: LoadOptions & Omit<ImportOptions, "lease" | "signal">,
): Promise<Digest> {
  const full = name === undefined ? [] : [fullName(parseReference(name))];
  const { importImage } = await import("./archive/import.ts");
  const { content } = stores;
  await using lease = await content.lease(options.signal);
  const { manifest, config } = await importImage(input, content, { ...options, lease });
  await keepImage(stores, manifest, full, lease, options);
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
