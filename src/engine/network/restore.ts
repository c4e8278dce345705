/**
 * What can be read back from the kernel of a container whose record is lost: the addresses from what is written on its
 * cables, the published ports from the rules and from its proxy's arguments. Without it they would be given to others.
 */
import { parseCidr } from "../../linux/inet-address.ts";
import type { Transport } from "../../linux/inet-socket.ts";
import type { Link } from "../../linux/rtnetlink.ts";
import { aliasPrefix, type NetworkContext } from "./context.ts";
import { macAddressFor } from "./endpoint.ts";
import { type Network, subnetOf } from "./network.ts";
import type { PublishedPort } from "./port-mapping.ts";
import type { Attachment, ContainerRecord, ProxyProcess } from "./record.ts";
import type { InstalledPort } from "./ruleset.ts";

/** The record of a container by its cables, ports and proxy. It has no names but the start of its ID. */
export function restoredRecord(
  context: NetworkContext,
  id: string,
  cables: readonly Link[],
  ports: readonly InstalledPort[],
  networks: readonly Network[],
  proxies: ReadonlyMap<string, ProxyProcess>,
): ContainerRecord {
  const proxy = cables.map(({ name }) => proxies.get(name)).find((found) => found !== undefined);
  const attachments = cables.flatMap((cable) => restoredAttachment(context, cable, networks) ?? []);
  return {
    id,
    names: [id.slice(0, 12)],
    // Not known; a setup for whatever namespace begins anew.
    namespace: "",
    stage: "ready",
    attachments: attachments.sort((a, b) => (a.interfaceName < b.interfaceName ? -1 : 1)),
    ports: restoredPorts(ports, proxy?.forwards ?? []),
    nameservers: [],
    ...(proxy && { proxy }),
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

/**
 * One that is there for both families was published for all addresses.
 * @param forwards as `formatForward` writes them
 */
function restoredPorts(ports: readonly InstalledPort[], forwards: readonly string[]): PublishedPort[] {
  const restored = new Map<string, PublishedPort>();
  const put = (protocol: string, address: string, hostPort: number, containerPort: number): void => {
    const isAny = address === anyIpv4 || address === anyIpv6;
    const key = keyOf(protocol, isAny ? "*" : address, hostPort);
    const known = isAny ? restored.get(key) : undefined;
    const hostAddress = known && known.hostAddress !== address ? "" : address;
    restored.set(key, { hostAddress, hostPort, containerPort, protocol: protocol as Transport });
  };
  for (const { map, protocol, hostAddress, hostPort, containerPort } of ports) {
    const address = map === "any4" ? anyIpv4 : map === "any6" ? anyIpv6 : hostAddress;
    put(protocol, address, hostPort, containerPort);
  }
  const doors = forwards.map((text) => text.split(" ") as [string, string, string, string, string]);
  // ::1 is among all addresses of IPv6, and so comes last.
  const isLoopback = (address: string): number => (address === loopback ? 1 : 0);
  for (const [protocol, address, hostPort, , port] of doors.sort(
    (a, b) => isLoopback(a[1]) - isLoopback(b[1]),
  )) {
    const all = restored.get(keyOf(protocol, "*", Number(hostPort)));
    if (address !== loopback || all === undefined || all.hostAddress === anyIpv4)
      put(protocol, address, Number(hostPort), Number(port));
  }
  return [...restored.values()];
}

const anyIpv4 = "0.0.0.0";
const anyIpv6 = "::";
const loopback = "::1";

function keyOf(protocol: string, address: string, hostPort: number): string {
  return `${protocol} ${address} ${hostPort}`;
}
