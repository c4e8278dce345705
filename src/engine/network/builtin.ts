/**
 * The networks that are always there, as docker has them: `bridge`, the default one, and `host` and `none`, which are modes
 * of a container that have a name among the networks.
 */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { RuntError } from "../../errors.ts";
import { hexOf, type NetworkContext } from "./context.ts";
import { defaultNetworkName, type Network, type NetworkDriver } from "./network.ts";

/** A network as it is listed. With driver "host" and "null" nothing is made for it. */
export interface ListedNetwork extends Omit<Network, "driver"> {
  readonly driver: NetworkDriver | "host" | "null";
}

/** By name; docker's names of who makes them. */
const modeDrivers = { host: "host", none: "null" } as const;

export type ModeNetwork = keyof typeof modeDrivers;

export function isModeNetwork(name: unknown): name is ModeNetwork {
  return typeof name === "string" && Object.hasOwn(modeDrivers, name);
}

export function isBuiltin(name: string): boolean {
  return name === defaultNetworkName || isModeNetwork(name);
}

/** The same at any time. */
export function modeNetworkId(
  { definitions }: Pick<NetworkContext, "definitions">,
  name: ModeNetwork,
): string {
  return hexOf(resolve(definitions), name);
}

/** `host` and `none`. */
export function modeNetworks(context: NetworkContext): ListedNetwork[] {
  return (Object.keys(modeDrivers) as ModeNetwork[]).map((name) => ({
    name,
    id: modeNetworkId(context, name),
    driver: modeDrivers[name],
    created: bornAt(context).toISOString(),
    link: "",
    subnets: [],
    internal: false,
    dns: false,
    nameservers: [],
    isolate: false,
    icc: false,
    masquerade: false,
    mtu: 0,
    mode: "",
    options: {},
    labels: {},
  }));
}

/** They are as old as the directory that they are not in. */
function bornAt({ definitions }: NetworkContext): Date {
  return statSync(definitions, { throwIfNoEntry: false })?.birthtime ?? new Date();
}

/** Docker's words. */
export function refuseRemoval(name: string): RuntError {
  return new RuntError("FailedPrecondition", `${name} is a pre-defined network and cannot be removed`, {
    operation: "network rm",
    subject: `network ${name}`,
  });
}

/** Docker's words. */
export function refuseCreation(name: string): RuntError {
  return new RuntError("AlreadyExists", `operation is not permitted on predefined ${name} network`, {
    operation: "network create",
    subject: `network ${name}`,
  });
}
