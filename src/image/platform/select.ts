/**
 * From a name's descriptor to one image: through an index, perhaps of indexes, to the manifest for a platform.
 * Attestations and other artifacts in between are no images and are passed over.
 */
import { RuntError } from "../../errors.ts";
import type { ImageConfig } from "../../spec/image/config.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { parseImageDocument } from "../../spec/image/document.ts";
import type { Index } from "../../spec/image/index.ts";
import type { Manifest } from "../../spec/image/manifest.ts";
import { EMPTY, isConfig, isIndex, isManifest } from "../../spec/image/media-types.ts";
import { formatPlatform, isUnknown, type Platform } from "../../spec/image/platform.ts";
import { acceptablePlatforms, type MatchOptions, rankPlatform } from "./match.ts";
import { normalisePlatform } from "./platform.ts";

/** An image, and the documents on the way to it: an index first, its manifest last. */
export interface SelectedImage {
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  /** In the order of reading, each with its bytes. */
  readonly documents: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
}

/** What is looked for and by which means. */
export interface Selection extends MatchOptions {
  readonly platform: Platform;
  /** Gives a document's bytes, digest checked. */
  readonly fetch: (descriptor: Descriptor) => Promise<Uint8Array>;
  /** Gives a config; asked where an index does not say for what its entries are. */
  readonly fetchConfig?: (descriptor: Descriptor) => Promise<ImageConfig>;
  /** Whether a document can be had at all; what cannot is passed over. All can unless given. */
  readonly isThere?: (descriptor: Descriptor) => Promise<boolean>;
  /** The image, for messages. */
  readonly subject: string;
}

/** An index within an index within an index is enough. */
const DEEPEST = 4;
/** Documents read for one selection; an index of many indexes must not keep us busy. */
const MOST_DOCUMENTS = 32;

/** The entries of an index to try for a platform, best first; those that do not say for what they are come last. */
export function candidates(index: Index, platform: Platform, options: MatchOptions = {}): Descriptor[] {
  const ranked = index.manifests.flatMap((descriptor, position) => {
    const readable = isManifest(descriptor.mediaType) || isIndex(descriptor.mediaType);
    if (!readable || descriptor.artifactType !== undefined) return [];
    const { platform: offered } = descriptor;
    const rank = offered === undefined ? Number.MAX_SAFE_INTEGER : rankPlatform(platform, offered, options);
    return rank === undefined ? [] : [{ descriptor, rank, position }];
  });
  return ranked
    .sort((a, b) => a.rank - b.rank || a.position - b.position)
    .map(({ descriptor }) => descriptor);
}

/** Whether a manifest is that of an image: something that has layers and says how to run them. */
export function isImage(manifest: Manifest): boolean {
  return (
    manifest.artifactType === undefined &&
    manifest.config.mediaType !== EMPTY &&
    isConfig(manifest.config.mediaType)
  );
}

/**
 * Finds the image for a platform.
 * @throws {RuntError} NotFound, naming the platforms there are; InvalidArgument for a malformed document or
 *   something that is no image; what `fetch` throws
 */
export async function selectImage(descriptor: Descriptor, selection: Selection): Promise<SelectedImage> {
  const search = new Search(selection);
  const found = await search.visit(descriptor, []);
  if (found !== undefined) return found;
  throw search.nothing();
}

class Search {
  readonly #selection: Selection;
  readonly #offered = new Set<string>();
  #documents = 0;

  constructor(selection: Selection) {
    this.#selection = selection;
  }

  async visit(descriptor: Descriptor, above: SelectedImage["documents"]): Promise<SelectedImage | undefined> {
    const { fetch, isThere, subject, platform } = this.#selection;
    if (++this.#documents > MOST_DOCUMENTS || above.length > DEEPEST)
      throw this.#invalid("its indexes are nested too deep or are too many");
    const bytes = await fetch(descriptor);
    const where = `${subject}: ${descriptor.digest}`;
    const document = parseImageDocument(bytes, descriptor.mediaType, { where, operation: "pull" });
    const documents = [...above, { descriptor, bytes }];
    if (document.kind === "manifest") {
      const { manifest } = document;
      if (isImage(manifest) && (await this.#suits(descriptor, manifest, above.length)))
        return { descriptor, manifest, documents };
      if (above.length > 0) return undefined;
      throw this.#invalid(`it is no image but ${manifest.artifactType ?? manifest.config.mediaType}`);
    }
    for (const { platform } of document.index.manifests) {
      if (platform !== undefined && !isUnknown(platform)) this.#offered.add(formatPlatform(platform));
    }
    for (const candidate of candidates(document.index, platform, this.#selection)) {
      if (isThere && !(await isThere(candidate))) continue;
      const found = await this.visit(candidate, documents);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether the config of an entry without a platform is for the one wanted. */
  async #suits(descriptor: Descriptor, manifest: Manifest, depth: number): Promise<boolean> {
    const { fetchConfig, platform, subject } = this.#selection;
    if (depth === 0 || descriptor.platform !== undefined || fetchConfig === undefined) return true;
    const config = await fetchConfig(manifest.config);
    const fault = platformFault(config, platform, subject, this.#selection);
    if (fault !== undefined)
      this.#offered.add(formatPlatform({ os: config.os, architecture: config.architecture }));
    return fault === undefined;
  }

  nothing(): RuntError {
    const { subject, platform } = this.#selection;
    const there = [...this.#offered].slice(0, 20).join(", ");
    const what = `no image for ${formatPlatform(platform)}${there === "" ? "" : `; there are ${there}`}`;
    return new RuntError("NotFound", `${subject}: ${what}`, {
      operation: "pull",
      subject,
      hint: "choose one by --platform",
    });
  }

  #invalid(why: string): RuntError {
    const { subject } = this.#selection;
    return new RuntError("InvalidArgument", `${subject}: ${why}`, { operation: "pull", subject });
  }
}

/**
 * Checks what an image's config says about its platform: an index may be wrong, and a manifest without one
 * says nothing. A config that says nothing either is taken.
 * @throws {RuntError} NotFound for another platform
 */
export function checkConfigPlatform(
  config: ImageConfig,
  wanted: Platform,
  subject: string,
  options: MatchOptions = {},
): void {
  const fault = platformFault(config, wanted, subject, options);
  if (fault !== undefined) throw fault;
}

/** Whether an image's config says that it is for `wanted`, or says nothing. See `checkConfigPlatform`. */
export function isConfigFor(config: ImageConfig, wanted: Platform): boolean {
  return platformFault(config, wanted, "") === undefined;
}

function platformFault(
  config: ImageConfig,
  wanted: Platform,
  subject: string,
  options: MatchOptions = {},
): RuntError | undefined {
  if (config.os === "" || config.architecture === "") return undefined;
  const { os, architecture } = config;
  // Many a config has a wrong variant or none: the index is what knows.
  const offered: Platform = { os, architecture };
  const runs = acceptablePlatforms(wanted, options).map(normalisePlatform);
  const normal = normalisePlatform(offered);
  if (runs.some((one) => one.os === normal.os && one.architecture === normal.architecture)) return undefined;
  const what = `it is for ${formatPlatform(offered)}, not for ${formatPlatform(wanted)}`;
  return new RuntError("NotFound", `${subject}: ${what}`, {
    operation: "pull",
    subject,
    hint: `that one is had by --platform ${formatPlatform(offered)}`,
  });
}
