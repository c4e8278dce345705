/** The networks of an engine for its commands, in docker's words. */
import { readFileSync } from "node:fs";
import type { Engine } from "../engine/engine.ts";
import type {
  InspectedNetwork,
  ListedNetwork,
  Network,
  NetworkOptions,
  NetworkStore,
} from "../engine/network/index.ts";
import { reasonOf } from "../errors.ts";
import { flagError } from "./container-flags/flag-error.ts";
import { pairs } from "./container-flags/labels.ts";

/** Those of the engine's root. */
export async function openNetworks({ context }: Engine): Promise<NetworkStore> {
  return await (await import("../engine/network-modes.ts")).openNetworkStore(context);
}

/** What the flags of `network create` say. */
export interface NetworkFlags {
  readonly driver: "bridge" | "macvlan" | "ipvlan" | "cni";
  readonly subnet: readonly string[];
  readonly gateway: readonly string[];
  readonly ipRange: readonly string[];
  readonly ipv6: boolean;
  readonly internal: boolean;
  readonly opt: readonly string[];
  readonly label: readonly string[];
  readonly dns: readonly string[];
  readonly disableDns: boolean;
  readonly cniConfig?: string;
}

/** @throws {RuntError} InvalidArgument */
export function networkOptions(name: string, flags: NetworkFlags): NetworkOptions {
  const { driver, subnet, gateway, ipRange, cniConfig } = flags;
  if ((driver === "cni") !== (cniConfig !== undefined)) {
    throw flagError("--cni-config", cniConfig ?? "", "goes with --driver cni, and the other way round");
  }
  if (gateway.length > subnet.length) throw flagError("--gateway", gateway.join(","), "more than subnets");
  if (ipRange.length > subnet.length) throw flagError("--ip-range", ipRange.join(","), "more than subnets");
  const isV6 = (text: string) => text.includes(":");
  // The first of a family is for the first subnet of that family.
  const nth = (texts: readonly string[], i: number) => {
    const family = isV6(subnet[i]!);
    const place = subnet.slice(0, i).filter((text) => isV6(text) === family).length;
    return texts.filter((text) => isV6(text) === family)[place];
  };
  return {
    name,
    driver,
    subnets: subnet.map((text, i) => {
      const [router, range] = [nth(gateway, i), nth(ipRange, i)];
      return {
        subnet: text,
        ...(router !== undefined && { gateway: router }),
        ...(range !== undefined && { ipRange: range }),
      };
    }),
    ipv6: flags.ipv6,
    internal: flags.internal,
    ...(flags.disableDns && { dns: false }),
    nameservers: flags.dns,
    labels: pairs("--label", flags.label),
    options: pairs("--opt", flags.opt),
    ...(cniConfig !== undefined && { cni: readConfig(cniConfig) }),
  };
}

function readConfig(path: string): object {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as object;
  } catch (error) {
    throw flagError("--cni-config", path, reasonOf(error));
  }
}

/** As docker's `network inspect` prints it. @throws {RuntError} NotFound */
export async function inspectNetwork(engine: Engine, name: string) {
  const networks = await openNetworks(engine);
  const network = await networks.inspect(name);
  const { isModeNetwork } = await import("../engine/network/index.ts");
  const sharing = isModeNetwork(network.name) ? await runningOn(engine, network.name) : [];
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: network.subnets.some(({ subnet }) => subnet.includes(":")),
    IPAM: {
      Driver: "default",
      Options: {},
      Config: network.subnets.map(({ subnet, gateway, ipRange }) => ({
        Subnet: subnet,
        ...(ipRange !== "" && { IPRange: ipRange }),
        ...(gateway !== "" && { Gateway: gateway }),
      })),
    },
    Internal: network.internal,
    Attachable: false,
    Ingress: false,
    ConfigOnly: false,
    Containers: Object.fromEntries(
      [...network.containers, ...sharing].map(({ id, names, macAddress, ipv4, ipv6 }) => [
        id,
        { Name: names[0] ?? "", MacAddress: macAddress, IPv4Address: ipv4, IPv6Address: ipv6 },
      ]),
    ),
    Options: network.options,
    Labels: network.labels,
    // Not docker's: which link of the host it is.
    Link: network.link,
  };
}

/** Containers of `--network host` or `none`, which have no address of ours. */
async function runningOn(engine: Engine, mode: string): Promise<InspectedNetwork["containers"]> {
  return (await engine.list())
    .filter(({ networks }) => networks.includes(mode))
    .map(({ id, name }) => ({ id, names: [name], interfaceName: "", macAddress: "", ipv4: "", ipv6: "" }));
}

/** Names of those that somebody is on, and of those that are always there: what `dangling=true` leaves out. */
export async function usedNetworks(engine: Engine, networks: readonly ListedNetwork[]): Promise<Set<string>> {
  const [store, { isBuiltin }] = await Promise.all([
    openNetworks(engine),
    import("../engine/network/index.ts"),
  ]);
  const used = new Set<string>();
  for (const { name } of networks) {
    if (isBuiltin(name) || (await store.inspect(name)).containers.length > 0) used.add(name);
  }
  return used;
}

/** Those that no container is on, or will be on when it is started. @returns names */
export async function pruneNetworks(
  engine: Engine,
  filter: (network: Network) => boolean = () => true,
): Promise<string[]> {
  const networks = await openNetworks(engine);
  const wanted = new Set((await engine.list({ all: true })).flatMap(({ networks }) => networks));
  return (await networks.prune(filter, wanted)).map(({ name }) => name);
}
