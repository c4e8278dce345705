/** Which images of an archive are for the machines that somebody wants. */
import { RuntError } from "../../errors.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { parseImageConfig } from "../../spec/image/document.ts";
import { blobPath } from "../../spec/image/layout.ts";
import { isIndex } from "../../spec/image/media-types.ts";
import { formatPlatform, type Platform } from "../../spec/image/platform.ts";
import { reach } from "../content/graph.ts";
import type { IngestOptions } from "../content/ingest.ts";
import type { ContentStore } from "../content/store.ts";
import { checkConfigPlatform, selectImage } from "../platform/select.ts";
import { type DockerItem, dockerConfig } from "./docker.ts";
import type { ArchiveSource } from "./source.ts";

/** Of one entry of an image layout. */
export interface Choice {
  /** Manifests, and the indexes that lead to them. None where the entry is for other machines. */
  readonly wanted: ReadonlySet<Digest>;
  /** Other manifests and indexes that are here, be it that they came along in a tar or were here before. */
  readonly unwanted: readonly Digest[];
}

export interface ChoiceOptions extends IngestOptions {
  readonly platforms: readonly Platform[];
}

const operation = "load";

/** Chooses among what `entry` leads to. @throws {RuntError} as `selectImage`, but for NotFound */
export async function choose(
  source: ArchiveSource,
  entry: Descriptor,
  content: ContentStore,
  { lease, platforms }: ChoiceOptions,
): Promise<Choice> {
  // What the archive has not got the store may have.
  const isThere = async ({ digest, size }: Descriptor): Promise<boolean> => {
    await lease.keep(digest);
    const found = await source.blob(blobPath(digest), { digest, size });
    return found !== undefined || (await content.has(digest));
  };
  const fetch = async (descriptor: Descriptor): Promise<Uint8Array> => {
    await isThere(descriptor);
    return await content.readSmall(descriptor.digest);
  };
  const fetchConfig = async (descriptor: Descriptor) =>
    parseImageConfig(await fetch(descriptor), { where: `image config ${descriptor.digest}`, operation });
  const wanted = new Set<Digest>();
  for (const platform of platforms) {
    try {
      const subject = `image ${entry.digest}`;
      const selected = await selectImage(entry, { platform, fetch, fetchConfig, isThere, subject });
      if (!isIndex(entry.mediaType)) {
        checkConfigPlatform(await fetchConfig(selected.manifest.config), platform, subject);
      }
      for (const { descriptor } of selected.documents) wanted.add(descriptor.digest);
    } catch (error) {
      if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
    }
  }
  const unwanted: Digest[] = [];
  for await (const { digest, present, edge } of reach(content.directory, [entry])) {
    if (edge.optional && present && !wanted.has(digest)) unwanted.push(digest);
  }
  return { wanted, unwanted };
}

/** Whether an image of docker's form says that it is for one of `platforms`. */
export async function isItemFor(
  source: ArchiveSource,
  item: DockerItem,
  platforms: readonly Platform[],
): Promise<boolean> {
  const where = `${source.name}: ${item.Config}`;
  const config = parseImageConfig(await dockerConfig(source, item), { where, operation });
  return platforms.some((platform) => {
    try {
      checkConfigPlatform(config, platform, where);
      return true;
    } catch {
      return false;
    }
  });
}

/** The error where an archive has nothing for them. */
export function noneFor({ name }: ArchiveSource, platforms: readonly Platform[]): RuntError {
  const what = `${name} has no image for ${platforms.map(formatPlatform).join(" or ")}`;
  return new RuntError("NotFound", what, { operation, subject: name });
}
