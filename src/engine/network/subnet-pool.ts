/** Subnets for networks that were not given any: the first ones that nobody on this machine uses. */
import { randomBytes } from "node:crypto";
import { RuntError } from "../../errors.ts";
import {
  addressOfBytes,
  formatInetAddress,
  formatSubnet,
  overlaps,
  parseCidr,
  type Subnet,
  subnetAround,
} from "../../linux/inet-address.ts";
import { AF_INET, AF_INET6, Rtnetlink } from "../../linux/rtnetlink.ts";
import { type Network, type NetworkSubnet, parsedSubnets } from "./network.ts";

/** Where the search begins and ends; the default network is larger than others. */
const pools = {
  default: { from: "10.86.0.0/16", to: "10.127.0.0/16" },
  user: { from: "10.87.0.0/24", to: "10.127.255.0/24" },
} as const;

/** Subnets that the machine has routes to, those of its own links among them. */
export function routedSubnets(): Subnet[] {
  using here = new Rtnetlink();
  return here
    .routes()
    .filter(({ family, destination }) => (family === AF_INET || family === AF_INET6) && destination)
    .map(({ destination, prefixLength }) => subnetAround(addressOfBytes(destination!), prefixLength));
}

/** Subnets of networks that are defined, whether or not they are in the kernel now. */
export function definedSubnets(networks: readonly Network[]): Subnet[] {
  return networks.flatMap((network) => parsedSubnets(network).map(({ subnet }) => subnet));
}

/** @throws {RuntError} Unavailable where all are in use */
export function freeIpv4Subnet(kind: keyof typeof pools, used: readonly Subnet[]): NetworkSubnet {
  const first = parseCidr(pools[kind].from)!.subnet;
  const last = parseCidr(pools[kind].to)!.subnet;
  const step = 1n << BigInt(32 - first.prefixLength);
  for (let base = first.base; base <= last.base; base += step) {
    const subnet: Subnet = { ...first, base };
    if (!used.some((other) => overlaps(subnet, other))) return withFirstAsGateway(subnet);
  }
  throw new RuntError("Unavailable", "no free subnet is left", {
    operation: "network create",
    hint: "give one with --subnet, or remove networks",
  });
}

/** A /64 that is ours alone with great probability. @see RFC 4193 */
export function freshIpv6Subnet(): NetworkSubnet {
  const bytes = Buffer.concat([Buffer.of(0xfd), randomBytes(7), Buffer.alloc(8)]);
  return withFirstAsGateway(subnetAround(addressOfBytes(bytes), 64));
}

/** The subnet with its first usable address as the gateway. */
export function withFirstAsGateway(subnet: Subnet): NetworkSubnet {
  const gateway = formatInetAddress({ family: subnet.family, value: subnet.base + 1n });
  return { subnet: formatSubnet(subnet), gateway, ipRange: "" };
}
