/** Where networks are kept, and what tells the links and rules of one engine from those of another on the same machine. */
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Fd } from "../../linux/fd.ts";
import { flock } from "../../linux/flock.ts";
import { sha256 } from "../../spec/sha256.ts";
import { forgetFormerBoot } from "./former-boot.ts";

/** The root that runt's own command uses; its table of nftables is called `runt`. */
export const defaultNetworkRoot = "/var/lib/runt/network";

export interface NetworkContext {
  /** Directory of leases and records. Nothing in it is worth keeping over a reboot. */
  readonly root: string;
  /** Directory of the networks' definitions, which are. */
  readonly definitions: string;
  /** Name of the nftables table, and what the names of links are derived from. */
  readonly instance: string;
  /** Gets what went otherwise than asked for. */
  readonly log: (message: string) => void;
}

/** @param options `definitions` is a directory of `root` if absent, `instance` is derived from `root` */
export function networkContext(options: {
  readonly root: string;
  readonly definitions?: string;
  readonly instance?: string;
  readonly log?: (message: string) => void;
}): NetworkContext {
  const root = resolve(options.root);
  const instance =
    options.instance ?? (root === defaultNetworkRoot ? "runt" : `runt-${hexOf(root).slice(0, 6)}`);
  const definitions = resolve(options.definitions ?? join(root, "networks"));
  return { root, definitions, instance, log: options.log ?? (() => {}) };
}

/** SHA-256 in hexadecimal. */
export function hexOf(...parts: readonly string[]): string {
  return sha256(parts.join("\0")).toString("hex");
}

/** The files and directories below `root`. */
export const places = {
  lock: (root: string) => join(root, "lock"),
  members: (root: string) => join(root, "members"),
  containers: (root: string) => join(root, "containers"),
  ports: (root: string) => join(root, "ports"),
  dns: (root: string) => join(root, "dns"),
  cni: (root: string) => join(root, "cni"),
} as const;

/** Makes the directories. Cheap where they are there. */
export function prepareRoot({ root, definitions }: NetworkContext): void {
  if (!existsSync(places.lock(root))) {
    for (const place of [places.containers, places.dns])
      mkdirSync(place(root), { recursive: true, mode: 0o700 });
    // The responder, which is nobody, reads there.
    mkdirSync(places.members(root), { recursive: true });
    chmodSync(places.members(root), 0o755);
    mkdirSync(places.lock(root), { recursive: true, mode: 0o700 });
  }
  mkdirSync(definitions, { recursive: true, mode: 0o700 });
}

/**
 * Runs `body` while nobody else changes this root or the rules in the kernel that follow from it. It ends with the
 * process, so that nothing has to be cleaned up after one that was killed.
 */
export async function locked<T>(
  context: NetworkContext,
  signal: AbortSignal | undefined,
  body: () => T | Promise<T>,
): Promise<T> {
  prepareRoot(context);
  using _lock: Fd = await flock(places.lock(context.root), signal);
  forgetFormerBoot(context);
  return await body();
}

/** Start of the names of all links that this instance makes for containers; a name may have 15 characters. */
export function vethPrefix({ instance }: NetworkContext): string {
  return `rv${hexOf(instance).slice(0, 4)}`;
}

/** Name of the host's end of a container's cable to a network. */
export function vethName(context: NetworkContext, id: string, network: string): string {
  return vethPrefix(context) + hexOf(id, network).slice(0, 9);
}

/** First word of what is written on all links of this instance, for people and for cleaning up. */
export function aliasPrefix({ instance }: NetworkContext): string {
  return `runt:${instance} `;
}

/** What is written on a network's bridge. */
export function bridgeAlias(context: NetworkContext, network: string): string {
  return `${aliasPrefix(context)}network ${network}`;
}
