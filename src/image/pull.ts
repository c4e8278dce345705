/** From a name at a registry to an image of the store, unpacked. */
import { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import { type Digest, digestOf } from "../spec/image/digest.ts";
import { algorithmOf } from "../spec/image/digest-parts.ts";
import { parseImageConfig } from "../spec/image/document.ts";
import { isIndex, isManifest } from "../spec/image/media-types.ts";
import type { Platform } from "../spec/image/platform.ts";
import type { Lease } from "./content/lease.ts";
import { documentLimitBytes } from "./content/read-blob.ts";
import { noteTransfer } from "./event.ts";
import { fillLayers } from "./fill.ts";
import { type Image, imageOfManifest, type ReadDocument } from "./image.ts";
import { hostPlatform } from "./platform/host.ts";
import { checkConfigPlatform, selectImage } from "./platform/select.ts";
import type { OnProgress } from "./progress.ts";
import { fullName, type Reference } from "./reference/reference.ts";
import type { RegistryClient } from "./registry/client.ts";
import type { Stores } from "./stores.ts";

export interface PullOptions {
  /** By default this machine's. */
  readonly platform?: Platform | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was pulled. */
export interface Pulled {
  /** Full. */
  readonly name: string;
  readonly image: Image;
  /** What the name pointed to before; undefined if nothing had it. */
  readonly before: Digest | undefined;
}

/**
 * Pulls an image: what the store has already is not fetched again, and nothing that another process needs at the same
 * time is fetched twice. Interrupted at any moment it leaves the store sound, and blobs that were fetched in part are
 * gone on with the next time.
 * @throws {RuntError} of the registry; NotFound where there is none for this platform; InvalidArgument where the image
 *   is not what it says; Unavailable where the disk is full; the signal's reason
 */
export async function pullImage(
  stores: Stores,
  registry: RegistryClient,
  reference: Reference,
  options: PullOptions,
): Promise<Pulled> {
  const { content, snapshots } = stores;
  const { platform = hostPlatform(), onProgress, signal = new AbortController().signal } = options;
  const name = fullName(reference);
  // From before the first byte until the image has its name.
  await using lease = await content.lease(signal);
  const target = await registry.resolve(reference, signal);
  onProgress?.({ type: "resolved", name, target });

  const read = documents(stores, registry, lease, signal);
  let wasHere = true;
  const selected = await selectImage(target, {
    platform,
    fetch: async (descriptor) => {
      wasHere = await content.has(descriptor.digest);
      return await read(descriptor);
    },
    fetchConfig: async (config) => parseImageConfig(await read(config), { where: name, operation: "pull" }),
    subject: name,
  });
  const image = await imageOfManifest(target, selected.descriptor, selected.manifest, read);
  // An index has been asked already, and knows better than many a config.
  if (options.platform && !isIndex(target.mediaType)) {
    checkConfigPlatform(image.config, options.platform, name);
  }
  const top = image.chainIDs.at(-1);
  wasHere &&= top === undefined || snapshots.has(top);
  await fillLayers(image, {
    content,
    snapshots,
    lease,
    signal,
    onProgress,
    fetchBlob: (descriptor, options) => registry.fetchBlob(descriptor, options),
  });
  const before = await moveName(stores, name, target, signal);
  // The same index, and an image of it that was not here, or that only a `load` for other machines had put there.
  if (before?.digest === target.digest && !wasHere) await stores.names.refresh(signal);
  await noteTransfer(stores, "pull", image, reference);
  return { name, image, before: before?.digest };
}

/** The image that had the name stays without one, until it is pruned: a container may have been made of it. */
async function moveName(
  { names }: Stores,
  name: string,
  target: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Descriptor | undefined> {
  const old = await names.get(name);
  if (old?.digest === target.digest) return old;
  await names.change(
    { set: new Map([[name, target]]), keep: old ? [old] : [], drop: [target.digest] },
    signal,
  );
  return old;
}

/** Documents by descriptor: from the store, or from the registry by way of the store. */
function documents(
  { content }: Stores,
  registry: RegistryClient,
  lease: Lease,
  signal: AbortSignal,
): ReadDocument {
  return async (descriptor) => {
    await lease.keep(descriptor.digest);
    if (await content.has(descriptor.digest)) return content.readSmall(descriptor.digest);
    const bytes = await fetchDocument(registry, descriptor, signal);
    await content.put(bytes, descriptor.mediaType, { lease, signal });
    return bytes;
  };
}

async function fetchDocument(
  registry: RegistryClient,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { digest, size, mediaType } = descriptor;
  if (isIndex(mediaType) || isManifest(mediaType)) return registry.fetchManifest(descriptor, signal);
  if (size > documentLimitBytes) {
    throw new RuntError("InvalidArgument", `${digest} has ${size} bytes, too many for an image config`, {
      operation: "pull",
      subject: `blob ${digest}`,
    });
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of await registry.fetchBlob(descriptor, { offset: 0, signal })) {
    length += chunk.length;
    if (length > size) break;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const actual = digestOf(bytes, algorithmOf(digest));
  if (actual === digest && length === size) return bytes;
  throw new RuntError("Unavailable", `the registry sent other content: expected ${digest}, got ${actual}`, {
    operation: "pull",
    subject: `blob ${digest}`,
  });
}
