/** A container said step by step, with the words of testcontainers; each step gives the builder itself. */
import type { RuntContainer } from "./container.ts";
import type { Environment } from "./environment.ts";
import type { MountOption } from "./mounts.ts";
import type { RuntNetwork } from "./networks.ts";
import type { ContainerOptions, HealthOption, NetworkOption } from "./options.ts";
import type { PortOption } from "./ports.ts";
import type { Size } from "./size.ts";
import type { WaitStrategy } from "./wait/strategy.ts";
import { Wait } from "./wait/wait.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What is put into it before it starts. */
export interface FileToCopy {
  /** On the host; or `content`. */
  readonly source?: string;
  readonly content?: string | Uint8Array;
  /** In the container. */
  readonly target: string;
  /** Of `content`. */
  readonly mode?: number;
}

/** All that a builder has been told. */
export interface BuiltContainer {
  readonly image: string;
  readonly options: ContainerOptions;
  readonly files: readonly FileToCopy[];
  readonly strategy: WaitStrategy | undefined;
  readonly startupTimeoutMs: number | undefined;
}

export interface BuilderStartOptions {
  readonly signal?: AbortSignal | undefined;
}

export class ContainerBuilder {
  readonly #image: string;
  readonly #begin: (built: BuiltContainer, options: BuilderStartOptions) => Promise<RuntContainer>;
  readonly #options: Writable<ContainerOptions> = {};
  readonly #files: FileToCopy[] = [];
  #strategy: WaitStrategy | "default" | "none" = "default";
  #startupTimeoutMs: number | undefined;

  /** Use `Runt.container`. */
  constructor(
    image: string,
    begin: (built: BuiltContainer, options: BuilderStartOptions) => Promise<RuntContainer>,
  ) {
    this.#image = image;
    this.#begin = begin;
  }

  /** Anything there is an option for. */
  with(options: ContainerOptions): this {
    Object.assign(this.#options, options);
    return this;
  }

  withName(name: string): this {
    return this.with({ name });
  }

  withCommand(command: readonly string[]): this {
    return this.with({ command });
  }

  withEntrypoint(entrypoint: readonly string[]): this {
    return this.with({ entrypoint });
  }

  /** Beside what was said before. */
  withEnv(env: Environment): this {
    return this.with({ env: { ...this.#options.env, ...env } });
  }

  /** `withEnv` by testcontainers' name. */
  withEnvironment(env: Environment): this {
    return this.withEnv(env);
  }

  withLabels(labels: Readonly<Record<string, string>>): this {
    return this.with({ labels: { ...this.#options.labels, ...labels } });
  }

  /** Published on free ports of the host's loopback, unless a port says something else; `port` tells which. */
  withExposedPorts(...ports: PortOption[]): this {
    const local = ports.map((port) =>
      typeof port === "number" ? { container: port, address: "127.0.0.1" } : port,
    );
    return this.with({ ports: [...(this.#options.ports ?? []), ...local] });
  }

  /** On this network too. @param aliases names by which others on it find this container */
  withNetwork(network: RuntNetwork | string, ...aliases: string[]): this {
    const before = Array.isArray(this.#options.network) ? (this.#options.network as NetworkOption[]) : [];
    const name = typeof network === "string" ? network : network.name;
    return this.with({ network: [...before, { network: name, aliases }] });
  }

  withNetworkMode(network: Extract<ContainerOptions["network"], string | { container: string }>): this {
    return this.with({ network });
  }

  withMounts(...mounts: MountOption[]): this {
    return this.with({ mounts: [...(this.#options.mounts ?? []), ...mounts] });
  }

  withBindMounts(
    mounts: readonly { readonly source: string; readonly target: string; readonly mode?: "ro" | "rw" }[],
  ): this {
    const binds = mounts.map(({ source, target, mode }) => ({
      type: "bind" as const,
      source,
      destination: target,
      readOnly: mode === "ro",
    }));
    return this.withMounts(...binds);
  }

  withTmpFs(tmpfs: Readonly<Record<string, string>>): this {
    return this.with({ tmpfs });
  }

  /** Before its program runs. */
  withCopyFilesToContainer(files: readonly { readonly source: string; readonly target: string }[]): this {
    this.#files.push(...files);
    return this;
  }

  /** Before its program runs. */
  withCopyContentToContainer(
    files: readonly {
      readonly content: string | Uint8Array;
      readonly target: string;
      readonly mode?: number;
    }[],
  ): this {
    this.#files.push(...files);
    return this;
  }

  withUser(user: string | number): this {
    return this.with({ user });
  }

  withWorkingDir(workdir: string): this {
    return this.with({ workdir });
  }

  withHostname(hostname: string): this {
    return this.with({ hostname });
  }

  withExtraHosts(hosts: readonly { readonly host: string; readonly ipAddress: string }[]): this {
    return this.with({
      extraHosts: Object.fromEntries(hosts.map(({ host, ipAddress }) => [host, ipAddress])),
    });
  }

  withHealthCheck(health: HealthOption): this {
    return this.with({ health });
  }

  /** `cpu` in processors. */
  withResourcesQuota({ memory, cpu, pids }: { memory?: Size; cpu?: number; pids?: number }): this {
    return this.with({ memory, cpus: cpu, pidsLimit: pids });
  }

  withUlimits(ulimits: NonNullable<ContainerOptions["ulimits"]>): this {
    return this.with({ ulimits });
  }

  withAddedCapabilities(...capAdd: string[]): this {
    return this.with({ capAdd });
  }

  withDroppedCapabilities(...capDrop: string[]): this {
    return this.with({ capDrop });
  }

  withPrivilegedMode(): this {
    return this.with({ privileged: true });
  }

  withReadOnlyRootFs(): this {
    return this.with({ readOnly: true });
  }

  withPlatform(platform: string): this {
    return this.with({ platform });
  }

  withPullPolicy(pull: NonNullable<ContainerOptions["pull"]>): this {
    return this.with({ pull });
  }

  withAutoRemove(autoRemove: boolean): this {
    return this.with({ autoRemove });
  }

  /** When it counts as started; by default when its published ports are listened at. "none": when its program runs. */
  withWaitStrategy(strategy: WaitStrategy | "none"): this {
    this.#strategy = strategy;
    return this;
  }

  /** For a strategy that says nothing itself; a minute by default. */
  withStartupTimeout(ms: number): this {
    this.#startupTimeoutMs = ms;
    return this;
  }

  /**
   * Makes it, starts it and waits until it is ready.
   * @throws {RuntError} with nothing left behind; a `WaitError` where it does not become ready; the signal's reason
   */
  start(options: BuilderStartOptions = {}): Promise<RuntContainer> {
    return this.#begin(this.#built(), options);
  }

  #built(): BuiltContainer {
    const hasPorts = (this.#options.ports ?? []).length > 0;
    const byDefault = hasPorts ? Wait.forListeningPorts() : undefined;
    return {
      image: this.#image,
      options: { ...this.#options },
      files: [...this.#files],
      strategy:
        this.#strategy === "none" ? undefined : this.#strategy === "default" ? byDefault : this.#strategy,
      startupTimeoutMs: this.#startupTimeoutMs,
    };
  }
}
