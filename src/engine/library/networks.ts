/** Networks, for a program: containers on one find each other by name. */
import { randomBytes } from "node:crypto";
import { RuntError } from "../../errors.ts";
import type { Engine } from "../engine.ts";
import type {
  InspectedNetwork,
  ListedNetwork,
  Network,
  NetworkOptions,
  NetworkStore,
} from "../network/index.ts";

interface Aborting {
  readonly signal?: AbortSignal | undefined;
}

/** Disposed of, it is removed: after its containers. */
export class RuntNetwork implements AsyncDisposable {
  readonly name: string;
  readonly id: string;
  readonly #networks: RuntNetworks;

  constructor(networks: RuntNetworks, { name, id }: Network) {
    this.#networks = networks;
    this.name = name;
    this.id = id;
  }

  /** Twice does no harm. @throws {RuntError} FailedPrecondition while a container is on it */
  async remove(options?: Aborting): Promise<void> {
    try {
      await this.#networks.remove(this.id, options);
    } catch (error) {
      if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

export class RuntNetworks {
  readonly #engine: Engine;
  #store: Promise<NetworkStore> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** A bridge with a subnet that is free, unless something else is said. Without a name one is made up. */
  async create({ signal, ...options }: Partial<NetworkOptions> & Aborting = {}): Promise<RuntNetwork> {
    const name = options.name ?? `runt-${randomBytes(6).toString("hex")}`;
    return new RuntNetwork(this, await (await this.#networks()).create({ ...options, name }, signal));
  }

  /** `bridge`, `host` and `none` are always among them. */
  async list(): Promise<ListedNetwork[]> {
    return await (await this.#networks()).list();
  }

  /** @throws {RuntError} NotFound */
  async inspect(nameOrId: string): Promise<InspectedNetwork> {
    return await (await this.#networks()).inspect(nameOrId);
  }

  /** @throws {RuntError} NotFound; FailedPrecondition while a container is on it */
  async remove(nameOrId: string, { signal }: Aborting = {}): Promise<void> {
    await (await this.#networks()).remove(nameOrId, signal);
  }

  #networks(): Promise<NetworkStore> {
    this.#store ??= open(this.#engine);
    return this.#store;
  }
}

async function open({ context }: Engine): Promise<NetworkStore> {
  return await (await import("../network-modes.ts")).openNetworkStore(context);
}
