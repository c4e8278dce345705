/**
 * What can be read back from the kernel of a container whose record is lost: the addresses from what is written on its
 * cables, the published ports from the rules. Without it they would be given to others.
 */
import { parseCidr, parseInetAddress } from "../../linux/inet-address.ts";
import type { Transport } from "../../linux/inet-socket.ts";
import type { Link } from "../../linux/rtnetlink.ts";
import { aliasPrefix, type NetworkContext } from "./context.ts";
import { macAddressFor } from "./endpoint.ts";
import { type Network, subnetOf } from "./network.ts";
import type { PublishedPort } from "./port-mapping.ts";
import type { Attachment, ContainerRecord } from "./record.ts";
import type { InstalledPort } from "./ruleset.ts";

/** The record of a container by its cables and ports. It has no names but the start of its ID. */
export function restoredRecord(
  context: NetworkContext,
  id: string,
  cables: readonly Link[],
  ports: readonly InstalledPort[],
  networks: readonly Network[],
): ContainerRecord {
  const attachments = cables.flatMap((cable) => restoredAttachment(context, cable, networks) ?? []);
  return {
    id,
    names: [id.slice(0, 12)],
    // Not known; a setup for whatever namespace begins anew.
    namespace: "",
    stage: "ready",
    attachments: attachments.sort((a, b) => (a.interfaceName < b.interfaceName ? -1 : 1)),
    ports: restoredPorts(ports),
    nameservers: [],
  };
}

function restoredAttachment(
  context: NetworkContext,
  cable: Link,
  networks: readonly Network[],
): Attachment | undefined {
  const words = cable.alias.slice(aliasPrefix(context).length).split(" ");
  const [id = "", name, interfaceName = "", ...addresses] = words;
  const network = networks.find((other) => other.name === name);
  if (!network) return undefined;
  const [ipv4 = "", ipv6 = ""] = addresses.map((cidr) => (parseCidr(cidr) ? cidr : ""));
  const gateway = (cidr: string, family: 4 | 6): string => {
    if (cidr === "" || network.internal) return "";
    const subnet = subnetOf(network, family, parseCidr(cidr)!.address);
    return (
      network.subnets.find((other) => parseCidr(other.subnet)?.subnet.base === subnet?.subnet.base)
        ?.gateway ?? ""
    );
  };
  return {
    network: network.name,
    networkId: network.id,
    driver: network.driver,
    internal: network.internal,
    interfaceName,
    hostLink: cable.name,
    macAddress: macAddressFor(ipv4 || ipv6, id + network.id),
    ipv4,
    ipv6,
    gateway4: gateway(ipv4, 4),
    gateway6: gateway(ipv6, 6),
    aliases: [],
    nameservers: [],
    searchDomains: [],
  };
}

/** One that is there for both families was published for all addresses. */
function restoredPorts(ports: readonly InstalledPort[]): PublishedPort[] {
  const restored = new Map<string, PublishedPort>();
  for (const { map, protocol, hostAddress, hostPort, containerPort } of ports) {
    const isAny = map.startsWith("any");
    const address = isAny ? (map === "any6" ? "::" : "0.0.0.0") : hostAddress;
    const key = `${protocol} ${isAny ? "*" : address} ${hostPort}`;
    const both = isAny && restored.has(key);
    restored.set(key, {
      hostAddress: both ? "" : parseInetAddress(address) ? address : "",
      hostPort,
      containerPort,
      protocol: protocol as Transport,
    });
  }
  return [...restored.values()];
}
