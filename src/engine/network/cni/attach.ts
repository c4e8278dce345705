/** A container on a network that plugins make. */
import { messageOf } from "../../../errors.ts";
import { type NetworkConfigList, readConfigList } from "../../../spec/cni/config.ts";
import { type AddResult, readAddResult } from "../../../spec/cni/result.ts";
import type { NetworkContext } from "../context.ts";
import type { Network } from "../network.ts";
import type { PublishedPort } from "../port-mapping.ts";
import type { Attachment } from "../record.ts";
import { type CachedAttachment, listCached, readCached, removeCached, writeCached } from "./cache.ts";
import { addList, type CapabilityArguments, checkList, collectList, deleteList } from "./chain.ts";
import { defaultPluginPath } from "./plugin.ts";

/** What the container wants of the network; plugins get it as far as they declare that they can do it. */
export interface PluginRequest {
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly macAddress?: string | undefined;
  readonly aliases?: readonly string[] | undefined;
  readonly ports: readonly PublishedPort[];
  /** More, by the names of the conventions: `bandwidth`, `ipRanges`, `dns` … */
  readonly capabilities: CapabilityArguments;
}

/** CNI_PATH of our own environment, or the usual directories. */
export function pluginPath(): readonly string[] {
  const path = process.env.CNI_PATH;
  return path ? path.split(":") : defaultPluginPath;
}

function listOf(network: Network, operation: string): NetworkConfigList {
  return readConfigList(network.cni, { where: `network ${network.name}`, operation });
}

/** @throws {RuntError} with the attachment deleted again */
export async function attachWithPlugins(
  context: NetworkContext,
  id: string,
  netns: string,
  network: Network,
  attachment: Attachment,
  request: PluginRequest,
): Promise<Attachment> {
  const list = listOf(network, "network setup");
  const cached: CachedAttachment = {
    containerId: id,
    networkName: list.name,
    ifName: attachment.interfaceName,
    args: "IgnoreUnknown=1",
    capabilities: capabilitiesOf(list, request),
    config: network.cni!,
  };
  // What an earlier ADD of the same left half done is in the way.
  if (readCached(context, cached)) await removeAttachment(context, cached, netns);
  // Written first, so that DEL comes whatever happens.
  writeCached(context, cached);
  const parameters = { containerId: id, netns, ifName: cached.ifName, args: cached.args };
  try {
    const result = await addList(list, parameters, cached.capabilities, pluginPath());
    writeCached(context, { ...cached, result });
    const where = `result of network ${network.name}`;
    const read = readAddResult(result, list.cniVersion, { where, operation: "network setup" });
    return { ...attachment, ...fromResult(read, attachment.interfaceName) };
  } catch (error) {
    await removeAttachment(context, cached, netns).catch((problem: unknown) => {
      context.log(`after a failed ADD of container ${id}: ${messageOf(problem)}`);
    });
    throw error;
  }
}

function capabilitiesOf(list: NetworkConfigList, request: PluginRequest): CapabilityArguments {
  const ips = [request.ipv4, request.ipv6].filter((ip) => ip !== undefined);
  const portMappings = request.ports.map(({ hostAddress, hostPort, containerPort, protocol }) => ({
    hostPort,
    containerPort,
    protocol,
    ...(hostAddress && { hostIP: hostAddress }),
  }));
  return {
    ...request.capabilities,
    ...(portMappings.length > 0 && { portMappings }),
    ...(ips.length > 0 && { ips }),
    ...(request.macAddress !== undefined && { mac: request.macAddress }),
    ...(request.aliases && request.aliases.length > 0 && { aliases: { [list.name]: request.aliases } }),
  };
}

/** The addresses of our interface, and what it says of names. */
function fromResult(result: AddResult, interfaceName: string): Partial<Attachment> {
  const index = result.interfaces.findIndex(({ name, sandbox }) => name === interfaceName && sandbox);
  const ours = result.ips.filter((ip) => ip.interface === undefined || ip.interface === index || index < 0);
  const first = (family: 4 | 6): (typeof ours)[number] | undefined =>
    ours.find(({ address }) => address.includes(":") === (family === 6));
  return {
    macAddress: result.interfaces[index]?.mac ?? "",
    ipv4: first(4)?.address ?? "",
    ipv6: first(6)?.address ?? "",
    gateway4: first(4)?.gateway ?? "",
    gateway6: first(6)?.gateway ?? "",
    nameservers: result.dns.nameservers,
    searchDomains: result.dns.search,
  };
}

/** @param netns "" where it is gone @throws {RuntError} what a plugin refuses */
export async function detachFromPlugins(
  context: NetworkContext,
  id: string,
  netns: string,
  attachment: Attachment,
): Promise<void> {
  for (const cached of listCached(context)) {
    if (cached.containerId !== id || cached.ifName !== attachment.interfaceName) continue;
    await removeAttachment(context, cached, netns);
  }
}

/** DEL with what ADD was given. @param netns "" where it is gone */
export async function removeAttachment(
  context: NetworkContext,
  cached: CachedAttachment,
  netns: string,
): Promise<void> {
  const { containerId, ifName, args, capabilities, config, result } = cached;
  const list = readConfigList(config, {
    where: `network ${cached.networkName}`,
    operation: "network teardown",
  });
  await deleteList(list, { containerId, netns, ifName, args }, capabilities, result, pluginPath());
  removeCached(context, cached);
}

/** Asks the plugins whether all is as they left it. @throws {RuntError} */
export async function checkWithPlugins(
  context: NetworkContext,
  id: string,
  netns: string,
  network: Network,
  attachment: Attachment,
): Promise<void> {
  const list = listOf(network, "network check");
  const { interfaceName: ifName } = attachment;
  const cached = readCached(context, { networkName: list.name, containerId: id, ifName });
  if (!cached) return;
  const parameters = { containerId: id, netns, ifName, args: cached.args };
  await checkList(list, parameters, cached.capabilities, cached.result, pluginPath());
}

/**
 * Deletes attachments of containers that are gone, and lets plugins that can do so forget what nobody has.
 * @returns ids of containers whose attachments were deleted
 */
export async function collectAttachments(
  context: NetworkContext,
  networks: readonly Network[],
  isGone: (id: string) => boolean,
): Promise<string[]> {
  const gone: string[] = [];
  const valid = new Map<string, { containerID: string; ifname: string }[]>();
  for (const cached of listCached(context)) {
    const { containerId, networkName, ifName } = cached;
    if (isGone(containerId)) {
      try {
        await removeAttachment(context, cached, "");
        gone.push(containerId);
      } catch (error) {
        context.log(`network ${networkName} of container ${containerId}: ${messageOf(error)}`);
      }
    } else {
      const attachments = valid.get(networkName) ?? [];
      valid.set(networkName, [...attachments, { containerID: containerId, ifname: ifName }]);
    }
  }
  for (const network of networks) {
    if (network.driver !== "cni") continue;
    try {
      const list = listOf(network, "network reconcile");
      await collectList(list, valid.get(list.name) ?? [], pluginPath());
    } catch (error) {
      context.log(`network ${network.name}: ${messageOf(error)}`);
    }
  }
  return gone;
}
