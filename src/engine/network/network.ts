/** A network as it is defined: what `runt network inspect` prints and what is kept on disk. */
import { RuntError } from "../../errors.ts";
import {
  contains,
  type Family,
  type InetAddress,
  parseCidr,
  parseInetAddress,
  type Subnet,
} from "../../linux/inet-address.ts";

/** One range of addresses of a network. */
export interface NetworkSubnet {
  /** "10.87.0.0/24". */
  readonly subnet: string;
  /** The host's own address in it, or with macvlan and ipvlan that of a router; "" for none. */
  readonly gateway: string;
  /** Containers get their addresses from this part of it; "" for all of it. */
  readonly ipRange: string;
}

/**
 * Who makes the links: runt a bridge with a cable to each container; the kernel on top of a link of the host; or
 * plugins.
 */
export type NetworkDriver = "bridge" | "macvlan" | "ipvlan" | "cni";

export const networkDrivers: readonly NetworkDriver[] = ["bridge", "macvlan", "ipvlan", "cni"];

export interface Network {
  readonly name: string;
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly driver: NetworkDriver;
  /** ISO 8601. */
  readonly created: string;
  /** Link of the host: the bridge, or the one that macvlan and ipvlan sit on; "" with plugins. */
  readonly link: string;
  readonly subnets: readonly NetworkSubnet[];
  /** Nothing gets out of it or in. */
  readonly internal: boolean;
  /** Its containers find each other by name. */
  readonly dns: boolean;
  /** Whom the responder asks for other names; the host's own servers if empty. */
  readonly nameservers: readonly string[];
  /** Other networks cannot reach its containers, and they not others'. */
  readonly isolate: boolean;
  /** Whether its containers may talk to each other. */
  readonly icc: boolean;
  /** Whether what leaves it gets the host's address. */
  readonly masquerade: boolean;
  /** Bytes; 0 for that of the link of the host's default route. */
  readonly mtu: number;
  /** Of macvlan and ipvlan: "bridge", "l2" … */
  readonly mode: string;
  /** As they were given to `createNetwork`. */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** With plugins: the configuration list as it was read. */
  readonly cni?: object;
}

/** The network of a container that was given none. */
export const defaultNetworkName = "bridge";

/** Words that `--network` gives another meaning. */
const reserved: ReadonlySet<string> = new Set(["host", "none", "container", "ns", "default", "private"]);

/** @throws {RuntError} InvalidArgument */
export function checkNetworkName(name: string, operation: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,79}$/.test(name) && !reserved.has(name)) return;
  const why = reserved.has(name)
    ? "is a network mode"
    : "must match [a-zA-Z0-9][a-zA-Z0-9_.-]*, with 80 characters at most";
  throw new RuntError("InvalidArgument", `network name ${JSON.stringify(name)} ${why}`, {
    operation,
    subject: `network ${name}`,
  });
}

/** A subnet as numbers. */
export interface ParsedSubnet {
  readonly subnet: Subnet;
  readonly gateway: InetAddress | undefined;
  /** What addresses are given out of. */
  readonly range: Subnet;
}

/** For what was checked when the network was made. */
export function parsedSubnets(network: Pick<Network, "subnets">): ParsedSubnet[] {
  return network.subnets.map(({ subnet, gateway, ipRange }) => {
    const whole = parseCidr(subnet)!.subnet;
    return {
      subnet: whole,
      gateway: parseInetAddress(gateway),
      range: parseCidr(ipRange)?.subnet ?? whole,
    };
  });
}

/** The subnet of that family; of several the first, or the one that `address` is in. */
export function subnetOf(
  network: Pick<Network, "subnets">,
  family: Family,
  address?: InetAddress,
): ParsedSubnet | undefined {
  return parsedSubnets(network).find(
    ({ subnet }) => subnet.family === family && (address === undefined || contains(subnet, address)),
  );
}
