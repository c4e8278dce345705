/** The rules in the kernel: changed a little where that will do, and made anew from the records where it will not. */
import { RuntError } from "../../errors.ts";
import { forgetFlows, IPPROTO_UDP } from "../../linux/conntrack.ts";
import { NftablesError, NftablesMissing, nft, nftList } from "../../linux/nftables.ts";
import type { NetworkContext } from "./context.ts";
import { readDefinitions } from "./definitions.ts";
import { responderPorts } from "./dns.ts";
import type { Network } from "./network.ts";
import { readRecord, recordedIds } from "./record.ts";
import {
  addBridgeCommands,
  addPorts,
  addResponder,
  deleteBridgeCommands,
  deletePorts,
  type InstalledPort,
  type PortElement,
  portElements,
  portMaps,
  probeBridge,
  wholeTable,
} from "./ruleset.ts";

/** Runs commands; `NftablesMissing` becomes an error for people. */
function run(commands: readonly string[], operation: string): void {
  try {
    nft(commands.join("\n"));
  } catch (error) {
    if (!(error instanceof NftablesMissing)) throw error;
    throw new RuntError(
      "FailedPrecondition",
      error.message,
      { operation, hint: "install libnftables1, or run the container with --network none or host" },
      error,
    );
  }
}

/**
 * Makes the rules for a container's networks and ports. Where they cannot be added, because the table is not there (the
 * machine was started anew, or somebody flushed it) or because an element of a container that is gone is in the way, all
 * rules are made anew; the container's record must therefore be written. With the lock.
 * @param bridges of the networks that the container is on
 * @param fresh those of them that are not in the kernel yet
 */
export function openPorts(
  context: NetworkContext,
  bridges: readonly Network[],
  fresh: ReadonlySet<Network>,
  elements: readonly PortElement[],
): void {
  if (bridges.length === 0 && elements.length === 0) return;
  const { instance } = context;
  const commands = [
    ...bridges.flatMap((network) =>
      fresh.has(network) ? addBridgeCommands(instance, network) : [probeBridge(instance, network)],
    ),
    ...addPorts(instance, elements),
    ...responderPorts(context, bridges).map((responder) => addResponder(instance, responder)),
  ];
  try {
    run(commands, "network setup");
  } catch (error) {
    if (!(error instanceof NftablesError)) throw error;
    rebuildRules(context);
  }
  forgetDatagrams(elements);
}

/**
 * UDP has no beginning and no end: a client that keeps on sending would go on to be where it was before, or with the
 * container that is gone.
 */
function forgetDatagrams(elements: readonly PortElement[]): void {
  const ports = elements.flatMap(({ protocol, port }) => (protocol === "udp" ? [port] : []));
  forgetFlows(IPPROTO_UDP, [...new Set(ports)]);
}

/** Takes a container's elements away, those that are there. With the lock. */
export function closePorts({ instance }: NetworkContext, elements: readonly PortElement[]): void {
  deleteThoseThere(deletePorts(instance, elements));
  forgetDatagrams(elements);
}

/** Forgets a network's bridge. With the lock. */
export function forgetBridge({ instance }: NetworkContext, network: Network): void {
  deleteThoseThere(deleteBridgeCommands(instance, network));
}

/** Usually all are there, and go in one transaction. */
function deleteThoseThere(commands: readonly string[]): void {
  if (commands.length === 0) return;
  try {
    nft(commands.join("\n"));
    return;
  } catch (error) {
    if (error instanceof NftablesMissing) return;
    if (!(error instanceof NftablesError)) throw error;
  }
  for (const command of commands) {
    try {
      nft(command);
    } catch (error) {
      if (!(error instanceof NftablesError) || !error.reason.includes("No such file")) throw error;
    }
  }
}

/** All rules anew, from what is on disk. With the lock. */
export function rebuildRules(context: NetworkContext): void {
  const { root, instance } = context;
  const definitions = readDefinitions(context.definitions);
  const bridged = definitions.filter(({ driver }) => driver === "bridge");
  const elements = recordedIds(root).flatMap((id) => {
    const record = readRecord(root, id);
    return record ? portElements(record) : [];
  });
  run([wholeTable(instance, bridged, unique(elements), responderPorts(context, bridged))], "network setup");
}

/** Two records cannot have the same port, but if they did, the rest should work nevertheless. */
function unique(elements: readonly PortElement[]): PortElement[] {
  return [...new Map(elements.map((element) => [`${element.map} ${element.key}`, element])).values()];
}

/** What is published in the kernel, by whoever is written on it; undefined where there is no table. */
export function installedPorts({ instance }: NetworkContext): InstalledPort[] | undefined {
  try {
    return portMaps.flatMap((map) =>
      nftList(`list map inet ${instance} ${map}`).flatMap((object) => portsOf(map, object.map)),
    );
  } catch (error) {
    if (error instanceof NftablesError && error.reason.includes("No such file")) return undefined;
    throw error;
  }
}

/** @see libnftables-json(5), MAP: pairs of a key, with its comment, and what it is mapped to */
function portsOf(map: InstalledPort["map"], object: unknown): InstalledPort[] {
  type Concatenation = { concat: (string | number)[] };
  type Key = { elem?: { val: Concatenation; comment?: string } };
  const elements = (object as { elem?: [Key, Concatenation][] } | undefined)?.elem ?? [];
  return elements.flatMap(([{ elem }, target]) => {
    if (elem?.comment === undefined) return [];
    const key = elem.val.concat;
    return {
      map,
      id: elem.comment,
      protocol: String(key[0]),
      hostAddress: key.length === 3 ? String(key[1]) : "",
      hostPort: Number(key.at(-1)),
      containerPort: Number(target.concat[1]),
    };
  });
}

/** Removes the table: nothing is published any more. */
export function removeTable({ instance }: NetworkContext): void {
  deleteThoseThere([`delete table inet ${instance}`]);
}
