/** Images from an archive into the store: docker's form, an OCI layout or both in one; tar or directory. */
import { stat } from "node:fs/promises";
import { RuntError } from "../../errors.ts";
import { CONTAINERD_NAME, REF_NAME } from "../../spec/image/annotations.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { type Digest, digestOf } from "../../spec/image/digest.ts";
import { isConfig } from "../../spec/image/media-types.ts";
import type { Platform } from "../../spec/image/platform.ts";
import { reach } from "../content/graph.ts";
import type { IngestOptions } from "../content/ingest.ts";
import type { ContentStore } from "../content/store.ts";
import { fullName, parseReference } from "../reference/reference.ts";
import { type Choice, choose, isItemFor, noneFor } from "./choose-platform.ts";
import { DirectorySource } from "./directory-source.ts";
import { type DockerItem, dockerConfig, dockerItems, storeDockerImage } from "./docker.ts";
import { type ArchiveInput, inputError, openInput } from "./input.ts";
import { layoutEntries, storeGraph } from "./layout.ts";
import type { ArchiveSource } from "./source.ts";
import { TarSource } from "./tar-source.ts";

export interface LoadArchiveOptions extends IngestOptions {
  /** Only the images for these machines; all unless given. */
  readonly platforms?: readonly Platform[] | undefined;
  /** Is told what `platforms` mean for each entry. A tar is stored as it comes, so that what nobody wants came along. */
  readonly onChoice?: ((target: Descriptor, choice: Choice) => void) | undefined;
}

/** An image that the store has now. */
export interface LoadedImage {
  /** Full names that the archive gives it. */
  readonly names: readonly string[];
  /** Its manifest, or the index that leads to it. */
  readonly target: Descriptor;
}

/**
 * Stores all images of an archive, verified but for the diffIDs of compressed layers, which show when they are
 * unpacked. Names are not set: the caller does so while it has the lease, for all images or for none.
 * @throws {RuntError} NotFound where there is no such file; InvalidArgument where it is no archive of images or
 *   is damaged; FailedPrecondition where a file is not what its digest says; Unimplemented for a compression or
 *   a form that runt cannot read; the signal's reason
 */
export async function loadArchive(
  input: ArchiveInput,
  content: ContentStore,
  options: LoadArchiveOptions,
): Promise<LoadedImage[]> {
  const { platforms } = options;
  const source = await openSource(input, content, options);
  using _directory = source instanceof DirectorySource ? source : undefined;
  const entries = await layoutEntries(source);
  const items = await dockerItems(source);
  if (entries === undefined && items === undefined) throw await noArchive(source);
  const images = new Map<Digest, { names: Set<string>; target: Descriptor }>();
  const add = (target: Descriptor, names: readonly string[]): void => {
    const image = images.get(target.digest) ?? { names: new Set(), target };
    for (const name of names) image.names.add(name);
    images.set(target.digest, image);
  };
  const configs = new Map<Digest, Descriptor>();
  for (const entry of entries ?? []) {
    const { annotations, ...target } = entry;
    const choice = platforms && (await choose(source, entry, content, { ...options, platforms }));
    if (choice) options.onChoice?.(target, choice);
    if (choice?.wanted.size === 0) continue;
    await storeGraph(source, entry, content, options, choice && (({ digest }) => choice.wanted.has(digest)));
    add(target, namesOf([annotations?.[CONTAINERD_NAME] ?? annotations?.[REF_NAME]]));
    for await (const { edge, digest } of reach(content.directory, [target])) {
      if (isConfig(edge.to.mediaType ?? "")) configs.set(digest, target);
    }
  }
  const taken = new Set([...images.values()].flatMap(({ names }) => [...names]));
  for (const item of items ?? []) {
    if (platforms && !(await isItemFor(source, item, platforms))) continue;
    const target = await twin(source, item, configs);
    const names = namesOf(item.RepoTags).filter((name) => !taken.has(name));
    add(target ?? (await storeDockerImage(source, item, content, options)), names);
  }
  if (platforms && images.size === 0) throw noneFor(source, platforms);
  return [...images.values()].map(({ names, target }) => ({ names: [...names], target }));
}

async function openSource(
  input: ArchiveInput,
  content: ContentStore,
  options: IngestOptions,
): Promise<TarSource | DirectorySource> {
  const operation = "load";
  if (typeof input === "string") {
    try {
      if ((await stat(input)).isDirectory()) return new DirectorySource(input, content, options);
    } catch (error) {
      throw inputError(error, input, operation);
    }
  }
  const { name, bytes } = openInput(input, operation, options.signal);
  return await TarSource.read(bytes, name, content, options);
}

/** Names as the archive writes them, in full; what is none, a bare digest for one, names nothing. */
function namesOf(texts: readonly (string | undefined)[]): string[] {
  return texts.flatMap((text) => {
    if (text === undefined) return [];
    try {
      return [fullName(parseReference(text))];
    } catch {
      return [];
    }
  });
}

/** An archive in both forms has each image twice: the form with digests is the image as it was. */
async function twin(
  source: ArchiveSource,
  item: DockerItem,
  configs: ReadonlyMap<Digest, Descriptor>,
): Promise<Descriptor | undefined> {
  if (configs.size === 0) return undefined;
  return configs.get(digestOf(await dockerConfig(source, item)));
}

async function noArchive(source: ArchiveSource): Promise<RuntError> {
  const site = { operation: "load", subject: source.name };
  return new RuntError("InvalidArgument", `${source.name} is no archive of images`, {
    ...site,
    hint: "a tar of a root file system is read by `runt import`",
  });
}
