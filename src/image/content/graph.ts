/** What a blob leads to: an index to its manifests, a manifest to its config and layers, a config to snapshots. */
import { stat } from "node:fs/promises";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { type ChainID, chainIDs, type Digest } from "../../spec/image/digest.ts";
import { parseImageConfig, parseImageDocument } from "../../spec/image/document.ts";
import { CONFIG, isConfig, isIndex, isManifest } from "../../spec/image/media-types.ts";
import type { ContentDirectory } from "./directory.ts";
import { documentLimitBytes, readBlob } from "./read-blob.ts";
import { operation } from "./store-error.ts";

/** A blob to start from: with its media type where that is known. */
export interface GraphRoot {
  readonly digest: Digest;
  readonly mediaType?: string;
}

/** One step from a blob to another. */
export interface Edge {
  /** What leads there; undefined for a root. */
  readonly from: Digest | undefined;
  readonly to: GraphRoot | Descriptor;
  /** Whether an index leads there: then it may be an image for another machine, that nobody fetched. */
  readonly optional: boolean;
}

/** What there is at the end of a step. */
export interface Visit {
  readonly edge: Edge;
  readonly digest: Digest;
  readonly present: boolean;
  /** Of the layers that an image config tells of, bottom first. */
  readonly chainIDs: readonly ChainID[];
}

/**
 * Goes from `roots` to all that they reach. A blob that is not there is visited once for each way to it.
 * @throws {RuntError} Internal for a damaged document. One that cannot be understood leads nowhere.
 */
export async function* reach(directory: ContentDirectory, roots: Iterable<GraphRoot>): AsyncGenerator<Visit> {
  const seen = new Set<string>();
  const todo: Edge[] = [...roots].map((to) => ({ from: undefined, to, optional: false }));
  for (let edge = todo.pop(); edge !== undefined; edge = todo.pop()) {
    const { digest, mediaType } = edge.to;
    // By what it is taken for too: who calls another image's manifest a layer must not hide what it reaches.
    const key = `${digest} ${mediaType ?? ""}`;
    if (seen.has(key)) continue;
    const size = await sizeOf(directory, digest);
    if (size === undefined) {
      yield { edge, digest, present: false, chainIDs: [] };
      continue;
    }
    seen.add(key);
    const { next, chain } = await read(directory, edge.to, size);
    todo.push(...next);
    yield { edge, digest, present: true, chainIDs: chain };
  }
}

interface Found {
  readonly next: readonly Edge[];
  readonly chain: readonly ChainID[];
}

const nothing: Found = { next: [], chain: [] };

async function read(
  directory: ContentDirectory,
  { digest, mediaType }: GraphRoot,
  size: number,
): Promise<Found> {
  const isGuess = mediaType === undefined && size <= documentLimitBytes;
  if (!isGuess && !isDocument(mediaType ?? "")) return nothing;
  const bytes = await readBlob(directory, digest);
  if (mediaType !== undefined) return understand(digest, mediaType, bytes) ?? nothing;
  // A blob of which only the digest is known is taken for what it can be read as.
  if (bytes[0] !== 0x7b) return nothing; // {
  return understand(digest, "", bytes) ?? understand(digest, CONFIG, bytes) ?? nothing;
}

function isDocument(mediaType: string): boolean {
  return isConfig(mediaType) || isIndex(mediaType) || isManifest(mediaType);
}

function understand(digest: Digest, mediaType: string, bytes: Uint8Array): Found | undefined {
  const origin = { where: `blob ${digest}`, operation };
  try {
    if (isConfig(mediaType)) {
      return { next: [], chain: chainIDs(parseImageConfig(bytes, origin).rootfs.diff_ids) };
    }
    const document = parseImageDocument(bytes, mediaType, origin);
    if (document.kind === "index") return leadingTo(digest, document.index.manifests, true);
    const { config, layers } = document.manifest;
    return leadingTo(digest, [config, ...layers], false);
  } catch (error) {
    if (error instanceof RuntError) return undefined;
    throw error;
  }
}

function leadingTo(from: Digest, descriptors: readonly Descriptor[], optional: boolean): Found {
  return { next: descriptors.map((to) => ({ from, to, optional })), chain: [] };
}

async function sizeOf(directory: ContentDirectory, digest: Digest): Promise<number | undefined> {
  try {
    return (await stat(directory.blob(digest))).size;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
