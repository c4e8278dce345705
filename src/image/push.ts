/** From an image of the store to a registry: what the registry has is not sent, and a manifest only after all that it names. */
import { RuntError } from "../errors.ts";
import type { Descriptor } from "../spec/image/descriptor.ts";
import type { Digest } from "../spec/image/digest.ts";
import { parseImageDocument } from "../spec/image/document.ts";
import { isIndex, isNondistributable } from "../spec/image/media-types.ts";
import type { Platform } from "../spec/image/platform.ts";
import { noteTransfer } from "./event.ts";
import { allImages, findImage, type StoredImage } from "./find.ts";
import { parsed } from "./inspect.ts";
import { limiter } from "./limit.ts";
import type { LayerStatus, OnProgress } from "./progress.ts";
import { identifierOf, type Reference } from "./reference/reference.ts";
import type { RegistryClient } from "./registry/client.ts";
import type { Stores } from "./stores.ts";

export interface PushOptions {
  /** Of an index, only this image. */
  readonly platform?: Platform | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the registry has now. */
export interface Pushed {
  /** What the tag points to. */
  readonly target: Descriptor;
}

const atOnce = 3;

/**
 * Pushes the image called `name` to where `reference` says.
 * @throws {RuntError} of the registry; NotFound where there is no such image, or a blob of it is not here
 */
export async function pushImage(
  stores: Stores,
  registry: RegistryClient,
  name: string,
  reference: Reference,
  options: PushOptions,
): Promise<Pushed> {
  const { platform, signal = new AbortController().signal } = options;
  const { image } = await findImage(stores, name, { operation: "push" }, platform);
  await using lease = await stores.content.lease(signal);
  await lease.keep(image.target.digest);
  const plan = await planPush(stores, image, platform);
  options.onProgress?.({ type: "layers", layers: plan.layers });
  await sendBlobs(stores, registry, reference, plan, { ...options, signal });
  // A registry refuses a manifest whose parts it has not; the one that the tag is for comes last.
  for (const document of plan.documents) {
    const isLast = document === plan.documents.at(-1);
    const bytes = await stores.content.readSmall(document.digest);
    const identifier = isLast ? identifierOf(reference) : document.digest;
    await registry.putManifest(bytes, document.mediaType, identifier, signal);
  }
  await noteTransfer(stores, "push", image, reference);
  return { target: plan.documents.at(-1)! };
}

interface PushPlan {
  /** Manifests, then indexes. */
  readonly documents: readonly Descriptor[];
  readonly configs: readonly Descriptor[];
  readonly layers: readonly Descriptor[];
}

/** An index goes whole, or not at all: else the registry would be told of images that it has not. */
async function planPush(
  stores: Stores,
  image: StoredImage,
  platform: Platform | undefined,
): Promise<PushPlan> {
  if (isIndex(image.target.mediaType) && !platform) {
    const whole = await partsOf(stores, image.target);
    if (whole) return whole;
  }
  return (await partsOf(stores, image.manifest)) ?? missing(image.manifest);
}

function missing({ digest }: Descriptor): never {
  throw new RuntError("NotFound", `parts of image ${digest} are not in the store`, {
    operation: "push",
    subject: `image ${digest}`,
    hint: "pull it again",
  });
}

/** All that `target` names; undefined where some of it is not here. */
async function partsOf({ content }: Stores, target: Descriptor): Promise<PushPlan | undefined> {
  const documents: Descriptor[] = [];
  const configs = new Map<Digest, Descriptor>();
  const layers = new Map<Digest, Descriptor>();
  const visit = async (descriptor: Descriptor): Promise<boolean> => {
    if (!(await content.has(descriptor.digest))) return false;
    const origin = { where: `image ${descriptor.digest}`, operation: "push" };
    const bytes = await content.readSmall(descriptor.digest);
    const document = parseImageDocument(bytes, descriptor.mediaType, origin);
    if (document.kind === "index") {
      for (const entry of document.index.manifests) if (!(await visit(entry))) return false;
    } else {
      const { config } = document.manifest;
      const own = document.manifest.layers.filter(({ mediaType }) => !isNondistributable(mediaType));
      for (const { digest } of [config, ...own]) if (!(await content.has(digest))) return false;
      configs.set(config.digest, config);
      for (const layer of own) layers.set(layer.digest, layer);
    }
    if (!documents.some(({ digest }) => digest === descriptor.digest)) documents.push(descriptor);
    return true;
  };
  if (!(await visit(target))) return undefined;
  return { documents, configs: [...configs.values()], layers: [...layers.values()] };
}

async function sendBlobs(
  stores: Stores,
  registry: RegistryClient,
  reference: Reference,
  { configs, layers }: PushPlan,
  { signal, onProgress }: PushOptions & { signal: AbortSignal },
): Promise<void> {
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  const limit = limiter(atOnce);
  const sources = await repositoriesOf(stores, reference);
  const tasks = [...layers, ...configs].map((blob) =>
    limit(async () => {
      stop.throwIfAborted();
      const report = (status: LayerStatus, current: number) => {
        if (layers.includes(blob)) {
          onProgress?.({ type: "layer", digest: blob.digest, status, current, total: blob.size });
        }
      };
      report("waiting", 0);
      report(
        await sendBlob(stores, registry, blob, sources.get(blob.digest) ?? [], { report, signal: stop }),
        blob.size,
      );
    }).catch((error) => {
      failure.abort(error);
      throw error;
    }),
  );
  const results = await Promise.allSettled(tasks);
  if (failure.signal.aborted) throw failure.signal.reason;
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function sendBlob(
  { content }: Stores,
  registry: RegistryClient,
  blob: Descriptor,
  repositories: readonly string[],
  { report, signal }: { report: (status: LayerStatus, current: number) => void; signal: AbortSignal },
): Promise<LayerStatus> {
  if (await registry.blobExists(blob, signal)) return "exists";
  for (const repository of repositories) {
    if (await registry.mountBlob(blob, repository, signal)) return "mounted";
  }
  const open = () => content.read(blob.digest, signal);
  await registry.uploadBlob(blob, open, { signal, onProgress: (bytes) => report("uploading", bytes) });
  return "pushed";
}

/** Other repositories of the same registry that a blob is likely in, because an image of theirs has it. */
async function repositoriesOf(
  stores: Stores,
  { domain, path }: Reference,
): Promise<ReadonlyMap<Digest, readonly string[]>> {
  const found = new Map<Digest, string[]>();
  for (const { names, layers } of await allImages(stores)) {
    const repositories = names.flatMap((name) => {
      const other = parsed(name);
      return other && other.domain === domain && other.path !== path ? [other.path] : [];
    });
    for (const { digest } of layers) {
      found.set(digest, [...new Set([...(found.get(digest) ?? []), ...repositories])]);
    }
  }
  return found;
}
