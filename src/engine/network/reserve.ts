/** Addresses, names and ports for a container, taken from those that are free; the kernel has nothing of it yet. */
import { RuntError } from "../../errors.ts";
import { formatInetAddress, type InetAddress, parseInetAddress } from "../../linux/inet-address.ts";
import { type NetworkContext, vethName } from "./context.ts";
import { macAddressFor, parseMacAddress } from "./endpoint.ts";
import { Members } from "./members.ts";
import { type Network, subnetOf } from "./network.ts";
import type { Attachment } from "./record.ts";
import type { NetworkRequest } from "./request.ts";
import { networkForUse } from "./store.ts";

/** A network with what a container is to have there, and its members, in which that is noted. */
export interface Reservation {
  readonly network: Network;
  readonly attachment: Attachment;
  readonly members: Members;
  readonly request: NetworkRequest;
}

export interface Reserver {
  readonly id: string;
  readonly names: readonly string[];
  readonly nameservers: readonly string[];
}

/**
 * Chooses for each requested network what the container gets there. Nothing is written. With the lock.
 * @param taken what the container has already
 * @throws {RuntError} NotFound: no such network; AlreadyExists, InvalidArgument, Unavailable: addresses
 */
export function reserve(
  context: NetworkContext,
  container: Reserver,
  requests: readonly NetworkRequest[],
  taken: readonly Attachment[] = [],
): Reservation[] {
  const names = interfaceNames(container.id, requests, taken);
  const known = new Set(taken.map(({ networkId }) => networkId));
  return requests.map((request, i) => {
    const network = networkForUse(context, request.network, "network setup");
    if (known.has(network.id)) {
      throw new RuntError("InvalidArgument", `the container is on network ${network.name} already`, {
        operation: "network setup",
        subject: `container ${container.id}`,
      });
    }
    known.add(network.id);
    return reserveOne(context, container, request, network, names[i]!);
  });
}

function reserveOne(
  context: NetworkContext,
  container: Reserver,
  request: NetworkRequest,
  network: Network,
  interfaceName: string,
): Reservation {
  const { id } = container;
  const members = Members.read(context.root, network.name);
  // What an earlier run left, if its end was not seen.
  members.remove(id);
  const isNative = network.driver !== "cni";
  const ipv4 = isNative ? members.allocate(network, 4, request.ipv4) : undefined;
  const ipv6 = isNative ? members.allocate(network, 6, request.ipv6) : undefined;
  const aliases = checkedAliases(request.aliases ?? [], network);
  if (isNative) {
    members.put({
      id,
      ipv4: textOf(ipv4),
      ipv6: textOf(ipv6),
      names: [...new Set([...container.names, ...aliases])],
      nameservers: container.nameservers,
    });
  }
  if (request.macAddress !== undefined) parseMacAddress(request.macAddress);
  const cidr4 = withPrefix(network, ipv4);
  const cidr6 = withPrefix(network, ipv6);
  const attachment: Attachment = {
    network: network.name,
    networkId: network.id,
    driver: network.driver,
    internal: network.internal,
    interfaceName,
    hostLink: network.driver === "bridge" ? vethName(context, id, network.id) : "",
    macAddress: request.macAddress?.toLowerCase() ?? macAddressFor(cidr4 || cidr6, id + network.id),
    ipv4: cidr4,
    ipv6: cidr6,
    gateway4: gatewayOf(network, ipv4),
    gateway6: gatewayOf(network, ipv6),
    aliases,
    nameservers: responderAddresses(network),
    searchDomains: [],
  };
  return { network, attachment, members, request };
}

function textOf(address: InetAddress | undefined): string {
  return address ? formatInetAddress(address) : "";
}

function withPrefix(network: Network, address: InetAddress | undefined): string {
  if (!address) return "";
  return `${formatInetAddress(address)}/${subnetOf(network, address.family, address)!.subnet.prefixLength}`;
}

/** An internal network has no way out, so no default route. */
function gatewayOf(network: Network, address: InetAddress | undefined): string {
  if (!address || network.internal) return "";
  return textOf(subnetOf(network, address.family, address)?.gateway);
}

/** Of the responder; IPv4 first, and nothing else where there is one: resolvers ask the first that answers. */
function responderAddresses(network: Network): string[] {
  if (!network.dns || network.driver !== "bridge") return [];
  const gateways = network.subnets.map(({ gateway }) => gateway).filter(Boolean);
  const ipv4 = gateways.filter((gateway) => parseInetAddress(gateway)?.family === 4);
  return ipv4.length > 0 ? ipv4 : gateways;
}

function checkedAliases(aliases: readonly string[], network: Network): string[] {
  for (const alias of aliases) {
    if (/^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,252})$/.test(alias)) continue;
    throw new RuntError("InvalidArgument", `network alias ${JSON.stringify(alias)} cannot be a host name`, {
      operation: "network setup",
      subject: `network ${network.name}`,
    });
  }
  return [...aliases];
}

/** Those asked for, and the next of eth0, eth1 … for the others. */
function interfaceNames(
  id: string,
  requests: readonly NetworkRequest[],
  taken: readonly Attachment[],
): string[] {
  const used = new Set(taken.map(({ interfaceName }) => interfaceName));
  for (const { interfaceName } of requests) {
    if (interfaceName === undefined) continue;
    if (
      used.has(interfaceName) ||
      !/^[^/\s:]{1,15}$/.test(interfaceName) ||
      /^(lo|\.|\.\.)$/.test(interfaceName)
    ) {
      throw new RuntError(
        "InvalidArgument",
        `${JSON.stringify(interfaceName)} cannot be the name of an interface`,
        {
          operation: "network setup",
          subject: `container ${id}`,
        },
      );
    }
    used.add(interfaceName);
  }
  let next = 0;
  return requests.map(({ interfaceName }) => {
    if (interfaceName !== undefined) return interfaceName;
    while (used.has(`eth${next}`)) next++;
    used.add(`eth${next}`);
    return `eth${next}`;
  });
}
