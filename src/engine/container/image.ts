/** The image of a container: found in the store, pulled where the request says so, and remembered. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import type { findImage } from "../../image/find.ts";
import type { ImageStore } from "../../image/store.ts";
import { type Abort, signalOf } from "../../linux/abort.ts";
import type { ImageConfig } from "../../spec/image/config.ts";
import type { ChainID, Digest } from "../../spec/image/digest.ts";
import type { EngineContext } from "../context.ts";
import type { ContainerRequest } from "../request.ts";

export type PullOptions = NonNullable<Parameters<ImageStore["pull"]>[1]>;

/** What a container needs to know of its image; JSON can hold it. */
export interface FoundImage {
  readonly id: Digest;
  /** Full; where an ID was asked for one of the image's names, if it has any. */
  readonly name: string | undefined;
  /** What the name points to. */
  readonly target: Digest;
  /** Its uppermost layer; an image may be empty. */
  readonly top: ChainID | undefined;
  readonly config: ImageConfig["config"] | undefined;
}

/** @throws {RuntError} NotFound where it is not there and not to be pulled; as `pull` */
export async function imageFor(
  context: EngineContext,
  request: Pick<ContainerRequest, "image" | "pull" | "platform">,
  options: PullOptions = {},
  abort?: Abort,
): Promise<FoundImage | undefined> {
  const { image: text, pull } = request;
  if (text === undefined) return undefined;
  if (pull !== "always") {
    try {
      return await findCached(context, text, request.platform);
    } catch (error) {
      if (pull === "never" || !(error instanceof RuntError) || error.kind !== "NotFound") throw error;
      if (/^(sha256:)?[0-9a-f]{64}$/.test(text)) throw error; // an ID has no registry
    }
  }
  context.log("debug", `pulling ${text}`);
  const platform = await platformOf(request.platform);
  const { name } = await (await context.images()).pull(text, {
    ...options,
    ...(platform && { platform }),
    ...(abort && { signal: signalOf(abort) }),
  });
  return await findCached(context, name, request.platform);
}

type Platform = Parameters<typeof findImage>[3];

async function platformOf(text: string | undefined): Promise<Platform> {
  if (text === undefined) return undefined;
  return (await import("../../image/platform/platform.ts")).parsePlatform(text);
}

const inMemory = new WeakMap<EngineContext, { version: string; readonly found: Map<string, FoundImage> }>();

/**
 * To read an image takes longer than to start a container of it, so what it was is kept, here and for the commands that
 * follow. It holds as long as the file of names is the same; what the names lead to is named by its content. A short name
 * that registries.conf has explained is looked up each time: nothing tells of a change of that file and its drop-ins.
 */
async function findCached(
  context: EngineContext,
  text: string,
  platformText: string | undefined,
): Promise<FoundImage> {
  const names = join(context.layout.root, "content", "index.json");
  const { version, isOld } = versionOf(names);
  let memory = inMemory.get(context);
  if (memory?.version !== version) {
    memory = { version, found: new Map() };
    inMemory.set(context, memory);
  }
  const asked = `${platformText ?? ""} ${text}`;
  const known = memory.found.get(asked) ?? context.store.foundImages.get(asked, version);
  const { found, isLasting } = known
    ? { found: known, isLasting: true }
    : await find(context, text, platformText);
  if (!isLasting) return found;
  if (!known && version === versionOf(names).version && isOld)
    context.store.foundImages.keep(asked, version, found);
  if (version === versionOf(names).version) memory.found.set(asked, found);
  return found;
}

async function find(
  context: EngineContext,
  text: string,
  platformText: string | undefined,
): Promise<{ readonly found: FoundImage; readonly isLasting: boolean }> {
  const { findImage } = await import("../../image/find.ts");
  const { stores } = await context.images();
  const platform = await platformOf(platformText);
  const { image, name, isByConf } = await findImage(stores, text, { operation: "run" }, platform);
  const found = {
    id: image.id,
    name: name ?? image.names[0],
    target: image.target.digest,
    top: image.chainIDs.at(-1),
    config: image.config.config,
  };
  return { found, isLasting: !isByConf };
}

/** Of a file that is only ever replaced. */
function versionOf(path: string): { readonly version: string; readonly isOld: boolean } {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stat) return { version: "", isOld: false };
  // File systems count time in steps of some milliseconds: in the same one it might be replaced once more.
  const isOld = Date.now() - Number(stat.mtimeMs) > 1000;
  return { version: `${stat.ino} ${stat.mtimeNs} ${stat.size}`, isOld };
}
