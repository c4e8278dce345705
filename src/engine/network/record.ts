/** What a container has on its networks, kept from before it gets it until after it is gone. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { places } from "./context.ts";
import { namesIn, readJson, replaceFile, unfinishedPath } from "./files.ts";
import type { NetworkDriver } from "./network.ts";
import type { PublishedPort } from "./port-mapping.ts";

/** One interface of a container. */
export interface Attachment {
  readonly network: string;
  readonly networkId: string;
  readonly driver: NetworkDriver;
  /** No way out of it: nothing is published by it. */
  readonly internal: boolean;
  /** In the container: "eth0". */
  readonly interfaceName: string;
  /** The other end, on the host; "" for none. */
  readonly hostLink: string;
  /** "02:42:0a:57:00:02" */
  readonly macAddress: string;
  /** With the length of the prefix, "10.87.0.2/24"; "" for none. */
  readonly ipv4: string;
  readonly ipv6: string;
  /** By which default routes go; "" for none. */
  readonly gateway4: string;
  readonly gateway6: string;
  /** Names beside those of the container. */
  readonly aliases: readonly string[];
  /** Servers that the container may ask for names; those of plugins, and the responder. */
  readonly nameservers: readonly string[];
  readonly searchDomains: readonly string[];
}

/** The process that carries what the kernel's rules cannot. */
export interface ProxyProcess {
  readonly pid: number;
  /** As in /proc/PID/stat: another process may get its number. */
  readonly startTime: number;
  readonly bootId: string;
  /** What it carries, so that it is replaced when that changes. */
  readonly forwards: readonly string[];
}

export interface ContainerRecord {
  readonly id: string;
  /** All networks know it by these. */
  readonly names: readonly string[];
  /** "4:4026532214", device and inode of the network namespace: another one is another run of the container. */
  readonly namespace: string;
  /** "pending" until everything is there. */
  readonly stage: "pending" | "ready";
  readonly attachments: readonly Attachment[];
  readonly ports: readonly PublishedPort[];
  /** Whom the responder asks in place of the network's servers. */
  readonly nameservers: readonly string[];
  /** Only where there is one. */
  readonly proxy?: ProxyProcess | undefined;
}

const suffix = ".json";

function pathOf(root: string, id: string): string {
  return join(places.containers(root), id + suffix);
}

export function readRecord(root: string, id: string): ContainerRecord | undefined {
  return readJson<ContainerRecord>(pathOf(root, id));
}

export function writeRecord(root: string, record: ContainerRecord): void {
  replaceFile(pathOf(root, record.id), JSON.stringify(record), "memory");
}

export function removeRecord(root: string, id: string): void {
  for (const path of [pathOf(root, id), unfinishedPath(pathOf(root, id))]) rmSync(path, { force: true });
}

/** Containers that there are records of. */
export function recordedIds(root: string): string[] {
  return namesIn(places.containers(root))
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length));
}
