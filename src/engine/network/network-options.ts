/** What a user may say of a network when it is made, and the definition that follows from it. */
import { randomBytes } from "node:crypto";
import { RuntError } from "../../errors.ts";
import {
  contains,
  formatInetAddress,
  formatSubnet,
  lastOf,
  overlaps,
  parseCidr,
  parseInetAddress,
  type Subnet,
} from "../../linux/inet-address.ts";
import { hexOf, type NetworkContext } from "./context.ts";
import {
  checkNetworkName,
  defaultNetworkName,
  type Network,
  type NetworkDriver,
  type NetworkSubnet,
  networkDrivers,
} from "./network.ts";
import {
  definedSubnets,
  freeIpv4Subnet,
  freshIpv6Subnet,
  routedSubnets,
  withFirstAsGateway,
} from "./subnet-pool.ts";

export interface NetworkOptions {
  readonly name: string;
  /** "bridge" by default. */
  readonly driver?: NetworkDriver;
  /** Of each family one is chosen where none is given; IPv6 only with `ipv6`. */
  readonly subnets?: readonly {
    readonly subnet: string;
    readonly gateway?: string;
    readonly ipRange?: string;
  }[];
  readonly ipv6?: boolean;
  readonly internal?: boolean;
  /** False: no names. */
  readonly dns?: boolean;
  readonly nameservers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Driver options, by docker's and podman's names: see `knownOptions`. */
  readonly options?: Readonly<Record<string, string>>;
  /** For driver "cni": a configuration list, or one configuration, as an object. */
  readonly cni?: object;
}

/** What each option is about, under the names that docker and podman give it. */
export const knownOptions: Readonly<Record<string, keyof typeof meanings>> = {
  mtu: "mtu",
  "com.docker.network.driver.mtu": "mtu",
  isolate: "isolate",
  icc: "icc",
  "com.docker.network.bridge.enable_icc": "icc",
  masquerade: "masquerade",
  "com.docker.network.bridge.enable_ip_masquerade": "masquerade",
  "bridge.name": "link",
  "com.docker.network.bridge.name": "link",
  parent: "link",
  mode: "mode",
  macvlan_mode: "mode",
  ipvlan_mode: "mode",
};

const meanings = {
  mtu: "bytes of the largest packet",
  isolate: "whether other networks are out of reach; true by default",
  icc: "whether containers of the network reach each other; true by default",
  masquerade: "whether what leaves gets the host's address; true by default",
  link: "name of the bridge, or link that macvlan and ipvlan sit on",
  mode: "bridge, private, vepa or passthru of macvlan; l2, l3 or l3s of ipvlan",
} as const;

const modes: Readonly<Record<string, readonly string[]>> = {
  macvlan: ["bridge", "private", "vepa", "passthru"],
  ipvlan: ["l2", "l3", "l3s"],
};

function refuse(name: string, why: string, hint?: string): RuntError {
  const site = { operation: "network create", subject: `network ${name}` };
  return new RuntError("InvalidArgument", why, hint === undefined ? site : { ...site, hint });
}

/**
 * The definition of a new network among those that exist.
 * @throws {RuntError} InvalidArgument; AlreadyExists for a name, link or subnet in use; Unavailable
 */
export function defineNetwork(
  context: NetworkContext,
  options: NetworkOptions,
  existing: readonly Network[],
): Network {
  const { name, driver = "bridge" } = options;
  checkNetworkName(name, "network create");
  if (!networkDrivers.includes(driver)) {
    throw refuse(name, `unknown driver ${driver}`, `one of ${networkDrivers.join(", ")}`);
  }
  const taken = existing.find((network) => network.name === name);
  if (taken) {
    throw new RuntError("AlreadyExists", `network ${name} exists already (${taken.id.slice(0, 12)})`, {
      operation: "network create",
      subject: `network ${name}`,
    });
  }
  const given = readOptions(options);
  const id = randomBytes(32).toString("hex");
  const isDefault = name === defaultNetworkName;
  const link = given.link ?? (driver === "bridge" ? bridgeName(context, id, isDefault) : "");
  if ((driver === "macvlan" || driver === "ipvlan") && link === "") {
    throw refuse(name, `driver ${driver} needs the option parent`);
  }
  if (driver === "bridge") checkLink(name, link, existing);
  return {
    name,
    id,
    driver,
    created: new Date().toISOString(),
    link,
    subnets: driver === "cni" ? [] : subnetsOf(options, driver, existing),
    internal: options.internal ?? false,
    // As in docker and podman: on the default network containers are strangers.
    dns: options.dns ?? (driver === "bridge" && !isDefault),
    nameservers: checkedServers(options),
    isolate: given.isolate ?? true,
    icc: given.icc ?? true,
    masquerade: given.masquerade ?? true,
    mtu: given.mtu ?? 0,
    mode: given.mode ?? modes[driver]?.[0] ?? "",
    options: options.options ?? {},
    labels: options.labels ?? {},
    ...(options.cni && { cni: options.cni }),
  };
}

function bridgeName({ instance }: NetworkContext, id: string, isDefault: boolean): string {
  if (!isDefault) return `rb-${id.slice(0, 12)}`;
  return instance === "runt" ? "runt0" : `rb-${hexOf(instance).slice(0, 12)}`;
}

function checkLink(name: string, link: string, existing: readonly Network[]): void {
  if (!/^[^/\s:"]{1,15}$/.test(link) || link === "." || link === "..") {
    throw refuse(name, `${JSON.stringify(link)} cannot be the name of a link`);
  }
  const other = existing.find((network) => network.link === link && network.driver === "bridge");
  if (!other) return;
  throw new RuntError("AlreadyExists", `bridge ${link} belongs to network ${other.name}`, {
    operation: "network create",
    subject: `network ${name}`,
  });
}

interface Given {
  mtu?: number;
  isolate?: boolean;
  icc?: boolean;
  masquerade?: boolean;
  link?: string;
  mode?: string;
}

function readOptions({ name, driver = "bridge", options = {} }: NetworkOptions): Given {
  const given: Given = {};
  for (const [key, value] of Object.entries(options)) {
    const meaning = knownOptions[key];
    if (!meaning) {
      throw refuse(name, `unknown option ${key}`, `options are ${Object.keys(meanings).join(", ")}`);
    }
    if (meaning === "mtu") {
      given.mtu = Number(value);
      if (!/^\d+$/.test(value) || given.mtu < 68 || given.mtu > 65535)
        throw refuse(name, `mtu ${value}: 68 to 65535`);
    } else if (meaning === "link") {
      given.link = value;
    } else if (meaning === "mode") {
      if (!modes[driver]?.includes(value)) throw refuse(name, `driver ${driver} has no mode ${value}`);
      given.mode = value;
    } else {
      // podman's `isolate=strict` is what ours always is.
      const word = value.toLowerCase();
      if (!["true", "1", "false", "0", "strict"].includes(word))
        throw refuse(name, `${key}=${value}: true or false`);
      given[meaning] = word === "true" || word === "1" || word === "strict";
    }
  }
  return given;
}

function checkedServers({ name, nameservers = [] }: NetworkOptions): string[] {
  return nameservers.map((server) => {
    const address = parseInetAddress(server);
    if (!address) throw refuse(name, `nameserver ${server} is no address`);
    return formatInetAddress(address);
  });
}

function subnetsOf(
  options: NetworkOptions,
  driver: NetworkDriver,
  existing: readonly Network[],
): NetworkSubnet[] {
  const { name, ipv6 = false } = options;
  const given = (options.subnets ?? []).map((subnet) => checkedSubnet(name, subnet));
  const defined = definedSubnets(existing);
  given.forEach(({ subnet }, i) => {
    const parsed = parseCidr(subnet)!.subnet;
    const others = given.slice(0, i).map((other) => parseCidr(other.subnet)!.subnet);
    // A network of the router's is on the host too where the driver sits on its link.
    const used = driver === "bridge" ? [...defined, ...routedSubnets(), ...others] : others;
    const clash = used.find((other) => overlaps(parsed, other));
    if (clash) {
      throw new RuntError(
        "AlreadyExists",
        `subnet ${subnet} overlaps ${formatSubnet(clash)}, which is in use`,
        {
          operation: "network create",
          subject: `network ${name}`,
        },
      );
    }
  });
  const has = (family: 4 | 6): boolean => given.some(({ subnet }) => subnet.includes(":") === (family === 6));
  if (driver !== "bridge") {
    if (given.length === 0)
      throw refuse(name, `driver ${driver} needs a subnet, that of the link it sits on`);
    return given;
  }
  const subnets = [...given];
  if (!has(4) && given.length === 0) {
    const used = [...defined, ...routedSubnets()];
    subnets.push(freeIpv4Subnet(name === defaultNetworkName ? "default" : "user", used));
  }
  if (ipv6 && !has(6)) subnets.push(freshIpv6Subnet());
  return subnets;
}

function checkedSubnet(
  name: string,
  { subnet, gateway, ipRange }: { subnet: string; gateway?: string; ipRange?: string },
): NetworkSubnet {
  const parsed = parseCidr(subnet);
  if (!parsed) throw refuse(name, `${subnet} is no subnet`, "write it like 10.87.5.0/24");
  const { subnet: whole } = parsed;
  const hostBits = (whole.family === 4 ? 32 : 128) - whole.prefixLength;
  if (hostBits < 1 || whole.prefixLength < 8) throw refuse(name, `subnet ${subnet} has no room, or too much`);
  const base = withFirstAsGateway(whole);
  return {
    subnet: base.subnet,
    gateway: gateway ? checkedGateway(name, gateway, whole) : base.gateway,
    ipRange: ipRange ? checkedRange(name, ipRange, whole) : "",
  };
}

function checkedGateway(name: string, text: string, subnet: Subnet): string {
  const address = parseInetAddress(text);
  if (!address || !contains(subnet, address))
    throw refuse(name, `gateway ${text} is not in ${formatSubnet(subnet)}`);
  return formatInetAddress(address);
}

function checkedRange(name: string, text: string, subnet: Subnet): string {
  const parsed = parseCidr(text);
  if (!parsed || parsed.subnet.family !== subnet.family)
    throw refuse(name, `${text} is no range of addresses`);
  if (parsed.subnet.base < subnet.base || lastOf(parsed.subnet) > lastOf(subnet)) {
    throw refuse(name, `range ${text} is not in ${formatSubnet(subnet)}`);
  }
  return formatSubnet(parsed.subnet);
}
