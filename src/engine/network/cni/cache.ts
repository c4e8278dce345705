/** What was added, kept for DEL and CHECK, which may come much later and from another process. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { NetworkContext } from "../context.ts";
import { namesIn, readJson, replaceFile } from "../files.ts";
import type { CapabilityArguments } from "./chain.ts";

export interface CachedAttachment {
  readonly containerId: string;
  readonly networkName: string;
  readonly ifName: string;
  /** CNI_ARGS. */
  readonly args: string;
  readonly capabilities: CapabilityArguments;
  /** The list as it was then. */
  readonly config: object;
  /** Absent while ADD runs, and after one that failed. */
  readonly result?: unknown;
}

/** Plugins' own files outlive a reboot, so this does too. */
function directoryOf({ definitions }: NetworkContext): string {
  return join(definitions, "cni");
}

type Key = Pick<CachedAttachment, "networkName" | "containerId" | "ifName">;

function pathOf(context: NetworkContext, { networkName, containerId, ifName }: Key): string {
  return join(directoryOf(context), `${networkName}-${containerId}-${ifName}`);
}

export function readCached(context: NetworkContext, key: Key): CachedAttachment | undefined {
  return readJson(pathOf(context, key));
}

export function writeCached(context: NetworkContext, attachment: CachedAttachment): void {
  mkdirSync(directoryOf(context), { recursive: true, mode: 0o700 });
  replaceFile(pathOf(context, attachment), JSON.stringify(attachment), "disk");
}

export function removeCached(context: NetworkContext, key: Key): void {
  rmSync(pathOf(context, key), { force: true });
}

/** All of them, of all containers. */
export function listCached(context: NetworkContext): CachedAttachment[] {
  const directory = directoryOf(context);
  return namesIn(directory).flatMap((name) => readJson<CachedAttachment>(join(directory, name)) ?? []);
}
