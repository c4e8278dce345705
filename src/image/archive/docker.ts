/**
 * Docker's form of an archive, without digests of its own: `manifest.json` tells which file is an image's config
 * and which are its layers. The manifest is made here; config and layers stay as they are.
 */
import { RuntError } from "../../errors.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import type { DiffID } from "../../spec/image/digest.ts";
import { parseImageConfig, parseImageJson } from "../../spec/image/document.ts";
import { text } from "../../spec/runtime/leaves.ts";
import { array, type Infer, list, object } from "../../spec/runtime/schema.ts";
import type { IngestOptions } from "../content/ingest.ts";
import type { ContentStore } from "../content/store.ts";
import { layerMediaTypes, putImage } from "./put-image.ts";
import type { ArchiveSource } from "./source.ts";

const Item = object(() => ({
  /** Path of the config. */
  Config: text,
  RepoTags: list(text),
  /** Paths of tars, bottom first. */
  Layers: array(text),
}));

/** One image of `manifest.json`. */
export type DockerItem = Infer<typeof Item>;

/** The images that `manifest.json` tells of; undefined where there is none. */
export async function dockerItems(source: ArchiveSource): Promise<DockerItem[] | undefined> {
  const bytes = await source.document("manifest.json");
  if (bytes === undefined) return undefined;
  return parseImageJson(array(Item), bytes, { where: `${source.name}: manifest.json`, operation: "load" });
}

/** Bytes of the item's config. @throws {RuntError} InvalidArgument where it is not in the archive */
export async function dockerConfig(source: ArchiveSource, item: DockerItem): Promise<Uint8Array> {
  const config = await source.document(item.Config);
  if (config !== undefined) return config;
  throw refusal(source, "InvalidArgument", `the config ${item.Config} is missing`);
}

/**
 * Stores an image of docker's form.
 * @returns the descriptor of its new manifest
 * @throws {RuntError} InvalidArgument where something is missing; FailedPrecondition where a layer is not the
 *   one that the config tells of
 */
export async function storeDockerImage(
  source: ArchiveSource,
  item: DockerItem,
  content: ContentStore,
  options: IngestOptions,
): Promise<Descriptor> {
  const bytes = await dockerConfig(source, item);
  const origin = { where: `${source.name}: ${item.Config}`, operation: "load" };
  const { diff_ids } = parseImageConfig(bytes, origin).rootfs;
  if (diff_ids.length !== item.Layers.length) {
    const what = `${item.Config} tells of ${diff_ids.length} layers, and manifest.json of ${item.Layers.length}`;
    throw refusal(source, "InvalidArgument", what);
  }
  const layers: Descriptor[] = [];
  for (const [i, path] of item.Layers.entries()) {
    const blob = await source.blob(path);
    if (blob === undefined) throw refusal(source, "InvalidArgument", `the layer ${path} is missing`);
    const { digest, size, compression } = blob;
    // Of a compressed one this shows when it is unpacked.
    if (compression === "none" && digest !== (diff_ids[i] as DiffID as string)) {
      throw refusal(
        source,
        "FailedPrecondition",
        `the layer ${path} has the digest ${digest}, not ${diff_ids[i]}`,
      );
    }
    layers.push({ mediaType: layerMediaTypes[compression], digest, size });
  }
  return (await putImage(content, bytes, layers, options)).manifest;
}

function refusal(
  { name }: ArchiveSource,
  kind: "InvalidArgument" | "FailedPrecondition",
  what: string,
): RuntError {
  return new RuntError(kind, `${name}: ${what}`, { operation: "load", subject: name });
}
