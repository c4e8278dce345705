/**
 * The rules, in the language of nft(8). The chains never change: networks and published ports are elements of sets and
 * maps, so that a container is one small transaction, a packet one look-up however many ports are published, and what
 * belongs to a container is found by the comment of its elements.
 */

import { isLoopbackIpv6 } from "../../linux/inet-address.ts";
import type { Network } from "./network.ts";
import { addressesOf, waysInto } from "./port-ways.ts";
import type { ContainerRecord } from "./record.ts";

/** Port of a network's name responder that is not 53. */
export interface ResponderPort {
  readonly network: Network;
  readonly port: number;
}

/** Maps of published ports, by family, for one address of the host and for all of them. */
export const portMaps = ["bound4", "any4", "bound6", "any6"] as const;

/** An element of a map of published ports: `any4 { tcp . 8080 : 10.86.0.2 . 80 }`. */
export interface PortElement {
  readonly map: (typeof portMaps)[number];
  readonly key: string;
  readonly target: string;
  readonly id: string;
  readonly protocol: string;
  /** Of the host. */
  readonly port: number;
}

/** An element as it is found in the kernel. */
export interface InstalledPort {
  readonly map: (typeof portMaps)[number];
  readonly id: string;
  readonly protocol: string;
  /** "" in a map for all addresses. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** The elements of a container; `port-ways.ts` has what they cannot do. */
export function portElements(record: ContainerRecord): PortElement[] {
  const ways = waysInto(record.attachments);
  const elements: PortElement[] = [];
  for (const { hostAddress, hostPort, containerPort, protocol } of record.ports) {
    for (const address of addressesOf(hostAddress)) {
      const { family } = address;
      const way = ways[family];
      if (!way || isLoopbackIpv6(address)) continue;
      const isAny = address.value === 0n;
      elements.push({
        map: `${isAny ? "any" : "bound"}${family}`,
        key: `${protocol} . ${isAny ? "" : `${hostAddress} . `}${hostPort}`,
        target: `${way.address} . ${containerPort}`,
        id: record.id,
        protocol,
        port: hostPort,
      });
    }
  }
  return elements;
}

/** Commands that make elements; those that are there already stay. */
export function addPorts(instance: string, elements: readonly PortElement[]): string[] {
  return elements.map(
    ({ map, key, target, id }) =>
      `add element inet ${instance} ${map} { ${key} comment "${id.slice(0, maxComment)}" : ${target} }`,
  );
}

/** Commands that take elements away; each of them has to be there. */
export function deletePorts(instance: string, elements: readonly PortElement[]): string[] {
  return elements.map(({ map, key }) => `delete element inet ${instance} ${map} { ${key} }`);
}

/** The kernel takes 128 bytes with the NUL. */
const maxComment = 127;

/** Sets of bridges, and which networks' are in them. */
const bridgeSets = {
  bridges: () => true,
  masqueraded: ({ masquerade, internal }: Network) => masquerade && !internal,
  internal: ({ internal }: Network) => internal,
  isolated: ({ isolate }: Network) => isolate,
} as const;

/** Commands that make a network's bridge known. */
export function addBridgeCommands(instance: string, network: Network): string[] {
  const { link } = network;
  const sets = Object.entries(bridgeSets).filter(([, has]) => has(network));
  return [
    ...sets.map(([set]) => `add element inet ${instance} ${set} { "${link}" }`),
    `add element inet ${instance} within { "${link}" . "${link}" }`,
    ...network.subnets.map(({ subnet }) => {
      const set = subnet.includes(":") ? "subnets6" : "subnets4";
      return `add element inet ${instance} ${set} { "${link}" . ${subnet} }`;
    }),
  ];
}

/** A command that changes nothing where a bridge is known, and fails where there is no table. */
export function probeBridge(instance: string, { link }: Network): string {
  return `add element inet ${instance} bridges { "${link}" }`;
}

/** Commands that forget it; it has to be known. */
export function deleteBridgeCommands(instance: string, network: Network): string[] {
  return addBridgeCommands(instance, network).map((command) => command.replace(/^add/, "delete"));
}

export function addResponder(instance: string, { network, port }: ResponderPort): string {
  return `add element inet ${instance} responders { "${network.link}" : ${port} }`;
}

/**
 * Everything anew, in one transaction in which no packet sees less than all of it.
 * @param networks those with bridges, which need not be there yet
 */
export function wholeTable(
  instance: string,
  networks: readonly Network[],
  elements: readonly PortElement[],
  responders: readonly ResponderPort[],
): string {
  return [
    `add table inet ${instance}`,
    `delete table inet ${instance}`,
    chains(instance),
    ...networks.flatMap((network) => addBridgeCommands(instance, network)),
    ...addPorts(instance, elements),
    ...responders.map((responder) => addResponder(instance, responder)),
  ].join("\n");
}

function chains(instance: string): string {
  return `table inet ${instance} {
  map bound4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map any4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map bound6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; }
  map any6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
  map responders { type ifname : inet_service; }
  set bridges { type ifname; }
  set masqueraded { type ifname; }
  set internal { type ifname; }
  set isolated { type ifname; }
  set within { type ifname . ifname; }
  set subnets4 { type ifname . ipv4_addr; flags interval; }
  set subnets6 { type ifname . ipv6_addr; flags interval; }

  # Bridges have route_localnet, so that the host reaches published ports by 127.0.0.1. A container must not get at
  # what listens there.
  chain martians {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
  }

  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname @bridges meta l4proto { tcp, udp } th dport 53 fib daddr type local redirect to :iifname map @responders
    # A neighbour that sends to 127.0.0.1 gets no further than without us.
    ip daddr 127.0.0.0/8 return
    fib daddr type local jump publish
  }

  chain output {
    type nat hook output priority -100; policy accept;
    # The kernel has no route_localnet for IPv6, so an answer could never come back: runt-proxy listens there.
    ip6 daddr ::1 return
    fib daddr type local jump publish
  }

  chain publish {
    meta nfproto ipv4 dnat ip to meta l4proto . ip daddr . th dport map @bound4
    meta nfproto ipv4 dnat ip to meta l4proto . th dport map @any4
    meta nfproto ipv6 dnat ip6 to meta l4proto . ip6 daddr . th dport map @bound6
    meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @any6
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    iifname . oifname @within accept
    iifname @internal drop
    oifname @internal drop
    ct status dnat accept
    iifname @isolated oifname @bridges drop
    iifname @bridges oifname @isolated drop
    iifname @bridges accept
    # From elsewhere only what is published is reached.
    oifname @bridges drop
  }

  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    # A container that goes by the host's address to one of its own network, or to itself. Not by iifname: where bridged
    # packets are filtered too (br_netfilter), there is none here.
    oifname . ip saddr @subnets4 ct status dnat masquerade
    oifname . ip6 saddr @subnets6 ct status dnat masquerade
    iifname @masqueraded oifname != @bridges masquerade
  }
}`;
}
