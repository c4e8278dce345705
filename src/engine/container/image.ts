/** The image of a container: found in the store, pulled where the request says so, and remembered. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import type { StoredImage } from "../../image/find.ts";
import { findImage } from "../../image/find.ts";
import type { ImageStore } from "../../image/store.ts";
import type { EngineContext } from "../context.ts";
import type { ContainerRequest } from "../request.ts";

export type PullOptions = NonNullable<Parameters<ImageStore["pull"]>[1]>;

export interface FoundImage {
  readonly image: StoredImage;
  /** Full; undefined where an ID was asked for. */
  readonly name: string | undefined;
}

/** @throws {RuntError} NotFound where it is not there and not to be pulled; as `pull` */
export async function imageFor(
  context: EngineContext,
  request: Pick<ContainerRequest, "image" | "pull" | "platform">,
  options: PullOptions = {},
): Promise<FoundImage | undefined> {
  const { image: text, pull } = request;
  if (text === undefined) return undefined;
  const images = await context.images();
  const platform = await platformOf(request.platform);
  if (pull !== "always") {
    try {
      return await findCached(images, text, request.platform, platform);
    } catch (error) {
      if (pull === "never" || !(error instanceof RuntError) || error.kind !== "NotFound") throw error;
      if (/^(sha256:)?[0-9a-f]{64}$/.test(text)) throw error; // an ID has no registry
    }
  }
  context.log("debug", `pulling ${text}`);
  await images.pull(text, { ...options, ...(platform && { platform }) });
  return await findCached(images, text, request.platform, platform);
}

type Platform = Parameters<typeof findImage>[3];

async function platformOf(text: string | undefined): Promise<Platform> {
  if (text === undefined) return undefined;
  return (await import("../../image/platform/platform.ts")).parsePlatform(text);
}

interface Cache {
  /** Of the names' file: when that is another, everything may be. */
  readonly version: string;
  readonly found: Map<string, FoundImage>;
}

const caches = new WeakMap<ImageStore, Cache>();

/** A program that runs many containers runs them of few images, and to read one takes longer than to start it. */
async function findCached(
  images: ImageStore,
  text: string,
  platformText: string | undefined,
  platform: Platform,
): Promise<FoundImage> {
  const version = versionOf(join(images.stores.root, "content", "index.json"));
  let cache = caches.get(images);
  if (cache?.version !== version) {
    cache = { version, found: new Map() };
    caches.set(images, cache);
  }
  const key = `${platformText ?? ""} ${text}`;
  const known = cache.found.get(key);
  if (known) return known;
  const found = await findImage(images.stores, text, { operation: "run" }, platform);
  if (version === versionOf(join(images.stores.root, "content", "index.json"))) cache.found.set(key, found);
  return found;
}

function versionOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : "";
}
