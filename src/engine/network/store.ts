/** The networks of one engine: made, found, listed and removed. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, RuntError } from "../../errors.ts";
import { removeBridge } from "./bridge.ts";
import { isBuiltin, type ListedNetwork, modeNetworks, refuseCreation, refuseRemoval } from "./builtin.ts";
import { locked, type NetworkContext, places } from "./context.ts";
import {
  findDefinition,
  readDefinition,
  readDefinitions,
  removeDefinition,
  writeDefinition,
} from "./definitions.ts";
import { Members } from "./members.ts";
import { defaultNetworkName, type Network } from "./network.ts";
import { defineNetwork, type NetworkOptions } from "./network-options.ts";
import { readRecord, recordedIds } from "./record.ts";

/** A network with who is on it now. */
export interface InspectedNetwork extends ListedNetwork {
  /** Who has an address there: nobody of `host` and `none`. */
  readonly containers: readonly {
    readonly id: string;
    readonly names: readonly string[];
    readonly interfaceName: string;
    readonly macAddress: string;
    readonly ipv4: string;
    readonly ipv6: string;
  }[];
}

export class NetworkStore {
  readonly #context: NetworkContext;
  readonly #tell: (action: "create" | "destroy", network: Network) => void;

  /** @param tell is called with what has become of a network */
  constructor(
    context: NetworkContext,
    tell: (action: "create" | "destroy", network: Network) => void = () => {},
  ) {
    this.#context = context;
    this.#tell = tell;
  }

  /**
   * Defines a network. The kernel knows nothing of it until a container uses it.
   * @throws {RuntError} InvalidArgument; AlreadyExists: name, bridge or subnet in use; Unavailable
   */
  async create(options: NetworkOptions, signal?: AbortSignal): Promise<Network> {
    if (isBuiltin(options.name)) throw refuseCreation(options.name);
    if (options.driver === "cni") {
      const { readConfigList } = await import("../../spec/cni/config.ts");
      readConfigList(options.cni ?? {}, { where: `network ${options.name}`, operation: "network create" });
    }
    return await locked(this.#context, signal, () => {
      const network = defineNetwork(this.#context, options, readDefinitions(this.#context.definitions));
      writeDefinition(this.#context.definitions, network);
      this.#tell("create", network);
      return network;
    });
  }

  /**
   * In the order of their names. `host` and `none` are always among them, and `bridge` too, unless it is not there yet and
   * cannot be made: no reason not to tell of the others.
   */
  async list(): Promise<ListedNetwork[]> {
    await this.#defaultNetwork().catch((error: unknown) => {
      this.#context.log(`network ls: network ${defaultNetworkName} cannot be made: ${messageOf(error)}`);
    });
    return [...modeNetworks(this.#context), ...readDefinitions(this.#context.definitions)].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
  }

  /** By name, ID or the start of one. @throws {RuntError} NotFound; InvalidArgument where several fit */
  async get(nameOrId: string): Promise<ListedNetwork> {
    if (nameOrId === defaultNetworkName) return await this.#defaultNetwork();
    return (
      this.#modeNetwork(nameOrId) ?? findDefinition(this.#context.definitions, nameOrId, "network inspect")
    );
  }

  /** @throws {RuntError} as `get` */
  async inspect(nameOrId: string): Promise<InspectedNetwork> {
    const network = await this.get(nameOrId);
    const { root } = this.#context;
    const containers = recordedIds(root).flatMap((id) => {
      const record = readRecord(root, id);
      const attachment = record?.attachments.find(({ networkId }) => networkId === network.id);
      if (!record || !attachment) return [];
      const { interfaceName, macAddress, ipv4, ipv6 } = attachment;
      return [{ id, names: record.names, interfaceName, macAddress, ipv4, ipv6 }];
    });
    return { ...network, containers };
  }

  /**
   * Removes a network with its bridge.
   * @throws {RuntError} NotFound; FailedPrecondition while a container is on it, or for the default network
   */
  async remove(nameOrId: string, signal?: AbortSignal): Promise<Network> {
    const mode = this.#modeNetwork(nameOrId);
    if (mode) throw refuseRemoval(mode.name);
    return await locked(this.#context, signal, () => {
      if (nameOrId === defaultNetworkName) throw refuseRemoval(nameOrId);
      const network = findDefinition(this.#context.definitions, nameOrId, "network rm");
      const site = { operation: "network rm", subject: `network ${network.name}` };
      if (network.name === defaultNetworkName) throw refuseRemoval(network.name);
      const users = this.#users(network);
      if (users.length > 0) {
        throw new RuntError(
          "FailedPrecondition",
          `network ${network.name} is in use by container ${users.map((id) => id.slice(0, 12)).join(", ")}`,
          { ...site, hint: "stop the containers, or disconnect them" },
        );
      }
      this.#remove(network);
      return network;
    });
  }

  /**
   * Removes all networks that no container is on, but the default one.
   * @param keep names or IDs that stopped containers will want again
   * @returns those that are gone
   */
  async prune(
    filter: (network: Network) => boolean = () => true,
    keep: ReadonlySet<string> = new Set(),
    signal?: AbortSignal,
  ): Promise<Network[]> {
    return await locked(this.#context, signal, () => {
      const idle = readDefinitions(this.#context.definitions).filter(
        (network) =>
          network.name !== defaultNetworkName &&
          !keep.has(network.name) &&
          !keep.has(network.id) &&
          filter(network) &&
          this.#users(network).length === 0,
      );
      for (const network of idle) this.#remove(network);
      return idle;
    });
  }

  /** `host` or `none`, by name or as other networks by the start of its ID, long enough not to be another's by chance. */
  #modeNetwork(nameOrId: string): ListedNetwork | undefined {
    const isPrefix = /^[0-9a-f]{12,}$/.test(nameOrId);
    return modeNetworks(this.#context).find(
      ({ name, id }) => name === nameOrId || (isPrefix && id.startsWith(nameOrId)),
    );
  }

  /** Made at the first look at it. */
  async #defaultNetwork(): Promise<Network> {
    return (
      readDefinition(this.#context.definitions, defaultNetworkName) ??
      (await locked(this.#context, undefined, () =>
        networkForUse(this.#context, defaultNetworkName, "network ls"),
      ))
    );
  }

  #users(network: Network): string[] {
    const { root } = this.#context;
    const members = new Set(Members.read(root, network.name).list.map(({ id }) => id));
    for (const id of recordedIds(root)) {
      if (readRecord(root, id)?.attachments.some(({ networkId }) => networkId === network.id))
        members.add(id);
    }
    return [...members];
  }

  #remove(network: Network): void {
    if (network.driver === "bridge") removeBridge(this.#context, network);
    rmSync(join(places.members(this.#context.root), network.name), { force: true });
    removeDefinition(this.#context.definitions, network.name);
    this.#tell("destroy", network);
  }
}

/**
 * A network by name, with the default one made at its first use. With the lock.
 * @throws {RuntError} NotFound
 */
export function networkForUse(context: NetworkContext, nameOrId: string, operation: string): Network {
  if (nameOrId !== defaultNetworkName) return findDefinition(context.definitions, nameOrId, operation);
  const existing = readDefinition(context.definitions, nameOrId);
  if (existing) return existing;
  const network = defineNetwork(context, { name: defaultNetworkName }, readDefinitions(context.definitions));
  writeDefinition(context.definitions, network);
  return network;
}
