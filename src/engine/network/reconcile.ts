/**
 * Makes the kernel and the records agree with the containers that are there. Whatever was killed, and whatever
 * directory is gone: what belongs to nobody is found by the names of links, by the comments of rules and by the records.
 */
import { messageOf } from "../../errors.ts";
import { NftablesMissing } from "../../linux/nftables.ts";
import { type Link, Rtnetlink } from "../../linux/rtnetlink.ts";
import { ensureBridge, removeBridge } from "./bridge.ts";
import { ownerOf } from "./cable-alias.ts";
import { aliasPrefix, locked, type NetworkContext, places, vethPrefix } from "./context.ts";
import { readDefinitions } from "./definitions.ts";
import { ensureResponder } from "./dns.ts";
import { removeUnfinished } from "./files.ts";
import { findProxies } from "./find-proxy.ts";
import { installedPorts, rebuildRules, removeTable } from "./firewall.ts";
import { Members, networksWithMembers } from "./members.ts";
import type { Network } from "./network.ts";
import { PortClaims } from "./port-claims.ts";
import { type ContainerRecord, readRecord, recordedIds, removeRecord, writeRecord } from "./record.ts";
import { restoredRecord } from "./restore.ts";
import { reviveProxy } from "./revive.ts";
import type { InstalledPort } from "./ruleset.ts";
import { teardownNetwork } from "./teardown.ts";

export interface ReconcileOptions {
  /** Whether a container is there; asked for every ID that is found. One that is being set up is there. */
  readonly isAlive: (id: string) => boolean;
  /** Whether its processes run: of those that do, what is lost can be read back from the kernel. */
  readonly runs?: (id: string) => boolean;
  /**
   * "remove": bridges that no container is on go too, and the rules with the last one. By default they stay, so that
   * the next container need not make them.
   */
  readonly idle?: "keep" | "remove";
  readonly signal?: AbortSignal | undefined;
}

export interface Reconciled {
  /** Containers that something was left of. */
  readonly containers: readonly string[];
  /** Links that were removed though no record told of them. */
  readonly links: readonly string[];
}

/** To be called when the engine starts, and whenever something does not fit. Doing it twice does no harm. */
export async function reconcileNetworks(
  context: NetworkContext,
  { isAlive, runs = isAlive, idle = "keep", signal }: ReconcileOptions,
): Promise<Reconciled> {
  const gone = new Set<string>();
  const aliveById = new Map<string, boolean>();
  const isGone = (id: string): boolean => {
    const known = aliveById.get(id) ?? isAlive(id);
    aliveById.set(id, known);
    return !known;
  };
  for (const id of recordedIds(context.root)) {
    if (!isGone(id)) continue;
    gone.add(id);
    try {
      await teardownNetwork(context, id, { signal });
    } catch (error) {
      context.log(`network of container ${id}: ${messageOf(error)}`);
    }
  }
  const { collectAttachments } = await import("./cni/attach.ts");
  for (const id of await collectAttachments(context, readDefinitions(context.definitions), isGone))
    gone.add(id);
  const links = await locked(context, signal, () => repair(context, isGone, runs, gone, idle));
  return { containers: [...gone], links };
}

/** What the records of the containers that are left do not account for. With the lock. */
async function repair(
  context: NetworkContext,
  isGone: (id: string) => boolean,
  runs: (id: string) => boolean,
  gone: Set<string>,
  idle: "keep" | "remove",
): Promise<string[]> {
  const { root, definitions } = context;
  for (const place of [root, places.members(root), places.containers(root)]) removeUnfinished(place);
  removeUnfinished(definitions);
  for (const id of recordedIds(root)) if (!readRecord(root, id)) removeRecord(root, id);
  const networks = readDefinitions(definitions);
  using here = new Rtnetlink();
  const ports = published(context);
  for (const { id } of ports ?? []) if (isGone(id)) gone.add(id);
  const recorded = recordedIds(root).flatMap((id) => readRecord(root, id) ?? []);
  const restored = restoreLost(context, here.links(), ports ?? [], recorded, networks, runs);
  const records = [...recorded, ...restored];
  for (const id of forgetStrangers(context, records, networks)) gone.add(id);
  noteRestored(context, restored, networks);
  const removed = removeStrayLinks(context, here, records, networks);
  for (const record of records) if (runs(record.id)) await reviveProxy(context, record);

  const bridged = networks.filter(({ driver }) => driver === "bridge");
  const inUse = bridged.filter((network) => isUsed(network, records));
  if (idle === "remove")
    for (const network of bridged) if (!inUse.includes(network)) removeBridge(context, network);
  await ensureResponder(context, inUse);
  for (const network of inUse) ensureBridge(context, here, network);
  if (inUse.length > 0) rebuildRules(context);
  else if (ports && idle === "remove") removeTable(context);
  else if (ports && ports.length > 0) rebuildRules(context);
  return removed;
}

/** What the kernel has published; undefined without a table, or without the library to look at it. */
function published(context: NetworkContext): InstalledPort[] | undefined {
  try {
    return installedPorts(context);
  } catch (error) {
    if (!(error instanceof NftablesMissing)) throw error;
    context.log(error.message);
    return undefined;
  }
}

function isUsed(network: Network, records: readonly ContainerRecord[]): boolean {
  return records.some(({ attachments }) => attachments.some(({ networkId }) => networkId === network.id));
}

/** Cables of ours: with a name that only we give, and with an owner unless a killed process just made it. */
function cablesIn(context: NetworkContext, links: readonly Link[]): Link[] {
  return links.filter(({ kind, name }) => kind === "veth" && name.startsWith(vethPrefix(context)));
}

/** Records of containers that run and have cables, but no record. Of one that has ended the kernel may not have removed them yet. */
function restoreLost(
  context: NetworkContext,
  links: readonly Link[],
  ports: readonly InstalledPort[],
  records: readonly ContainerRecord[],
  networks: readonly Network[],
  runs: (id: string) => boolean,
): ContainerRecord[] {
  const known = new Set(records.map(({ id }) => id));
  const lost = new Map<string, Link[]>();
  for (const cable of cablesIn(context, links)) {
    const id = ownerOf(context, cable);
    if (id !== "" && !known.has(id) && runs(id)) lost.set(id, [...(lost.get(id) ?? []), cable]);
  }
  if (lost.size === 0) return [];
  const proxies = findProxies();
  return [...lost].map(([id, cables]) => {
    const own = ports.filter((port) => port.id === id);
    return restoredRecord(context, id, cables, own, networks, proxies);
  });
}

/** Writes down what restored containers have. */
function noteRestored(
  context: NetworkContext,
  restored: readonly ContainerRecord[],
  networks: readonly Network[],
): void {
  if (restored.length === 0) return;
  const { root } = context;
  const claims = PortClaims.read(root);
  for (const record of restored) {
    context.log(`networks of container ${record.id} are known from the kernel only, and not by which names`);
    writeRecord(root, record);
    claims.restore(record.id, record.ports);
    for (const { networkId, ipv4, ipv6 } of record.attachments) {
      const network = networks.find(({ id }) => id === networkId)!;
      const members = Members.read(root, network.name);
      const [address4 = "", address6 = ""] = [ipv4, ipv6].map((cidr) => cidr.split("/")[0]);
      members.put({ id: record.id, ipv4: address4, ipv6: address6, names: record.names, nameservers: [] });
      members.write(root, network);
    }
  }
  claims.write(root);
}

/** Leases and claims on ports whose container has no record. @returns ids of those */
function forgetStrangers(
  { root }: NetworkContext,
  records: readonly ContainerRecord[],
  networks: readonly Network[],
): Set<string> {
  const strangers = new Set<string>();
  for (const name of networksWithMembers(root)) {
    const network = networks.find((other) => other.name === name);
    if (!network) continue;
    const members = Members.read(root, name);
    const before = members.list.length;
    for (const { id } of [...members.list]) {
      const record = records.find((other) => other.id === id);
      if (record?.attachments.some(({ networkId }) => networkId === network.id)) continue;
      members.remove(id);
      strangers.add(id);
    }
    if (members.list.length < before) members.write(root, network);
  }
  const claims = PortClaims.read(root);
  const known = new Set(records.map(({ id }) => id));
  const claimants = [...claims.holders()].filter((id) => !known.has(id));
  for (const id of claimants) {
    claims.release(id);
    strangers.add(id);
  }
  if (claimants.length > 0) claims.write(root);
  return strangers;
}

/** Removes cables and bridges of ours that nobody has. @returns their names */
function removeStrayLinks(
  context: NetworkContext,
  here: Rtnetlink,
  records: readonly ContainerRecord[],
  networks: readonly Network[],
): string[] {
  const links = here.links();
  const used = new Set(records.flatMap(({ attachments }) => attachments.map(({ hostLink }) => hostLink)));
  const defined = new Set(networks.map(({ link }) => link));
  const stray = [
    ...cablesIn(context, links).filter(({ name }) => !used.has(name)),
    ...links.filter(
      ({ kind, name, alias }) =>
        kind === "bridge" && alias.startsWith(aliasPrefix(context)) && !defined.has(name),
    ),
  ];
  for (const { name } of stray) here.removeLink(name);
  return stray.map(({ name }) => name);
}
