/**
 * What goes into an archive: the blobs of some images, and the documents that say how they belong together.
 * One archive serves both kinds of readers, as docker's own does: an OCI layout whose `manifest.json` tells
 * those that know only docker's older form which of its blobs are configs and layers.
 */
import { CONTAINERD_NAME, REF_NAME } from "../../spec/image/annotations.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { blobPath, LAYOUT_VERSION } from "../../spec/image/layout.ts";
import { INDEX, isNondistributable } from "../../spec/image/media-types.ts";
import type { Platform } from "../../spec/image/platform.ts";
import { reach } from "../content/graph.ts";
import type { Blob } from "../content/list.ts";
import type { ContentStore } from "../content/store.ts";
import { noBlob } from "../content/store-error.ts";
import type { Image } from "../image.ts";
import { storedImage } from "../stored-image.ts";

/** An image to be put into an archive. */
export interface ImageToSave {
  /** Full ones; the archive brings the image back under all of them. */
  readonly names: readonly string[];
  /** Its manifest, or an index that leads to it. */
  readonly target: Descriptor;
}

/** All of an archive. */
export interface ArchiveContents {
  readonly layout: string;
  readonly index: string;
  /** Docker's `manifest.json`. */
  readonly dockerManifest: string;
  readonly blobs: readonly Blob[];
}

/** One image of docker's `manifest.json`. @see moby image/spec/v1.2 */
export interface DockerItem {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

/**
 * Looks up all that an archive of `images` has.
 * @param platform of an index, only this; else what the store has
 * @throws {RuntError} NotFound where the store has not got all of an image
 */
export async function contentsOf(
  content: ContentStore,
  images: readonly ImageToSave[],
  platform?: Platform,
): Promise<ArchiveContents> {
  const blobs = new Map<Digest, Blob>();
  const entries: Descriptor[] = [];
  const items: DockerItem[] = [];
  for (const { names, target } of images) {
    const image = await storedImage(content, target, platform);
    // An index with holes is legal, and many readers stumble over it.
    const entry = platform === undefined && (await isComplete(content, target)) ? target : image.manifest;
    for await (const { digest, present, edge } of reach(content.directory, [entry])) {
      if (present) blobs.set(digest, await content.stat(digest));
      else if (!edge.optional && !isNondistributable(edge.to.mediaType ?? "")) throw noBlob(digest);
    }
    entries.push(...(names.length === 0 ? [entry] : names.map((name) => named(entry, name))));
    items.push(dockerItem(image, names));
  }
  return {
    layout: JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION }),
    index: JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: entries }),
    dockerManifest: JSON.stringify(items),
    blobs: [...blobs.values()],
  };
}

async function isComplete(content: ContentStore, target: Descriptor): Promise<boolean> {
  for await (const { present, edge } of reach(content.directory, [target])) {
    if (!present && edge.optional) return false;
  }
  return true;
}

function named(descriptor: Descriptor, name: string): Descriptor {
  // containerd takes its own annotation for the whole name, skopeo the standard's for what it is asked for.
  const annotations = { ...descriptor.annotations, [REF_NAME]: name, [CONTAINERD_NAME]: name };
  return { ...descriptor, annotations };
}

function dockerItem({ configDescriptor, layers }: Image, names: readonly string[]): DockerItem {
  const tags = names.filter((name) => !name.includes("@"));
  return {
    Config: blobPath(configDescriptor.digest),
    RepoTags: tags.length === 0 ? null : tags,
    Layers: layers.map(({ digest }) => blobPath(digest)),
  };
}
