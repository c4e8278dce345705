/** What the engine asks of networks: a namespace before a container is made, links in it before it runs, and their end. */
import type { Abort } from "../linux/abort.ts";
import type { ContainerRecord, ProcessId } from "./record.ts";
import type { NetworkAttachment } from "./request.ts";

/** What is known before the container is there. */
export interface NetworkPlan {
  /** Path of the network namespace to join; "new": one of its own; "host": the host's. */
  readonly namespace: { readonly path: string } | "new" | "host";
  /** Whose hosts, hostname and resolv.conf are mounted: another container's ID, with `container:X`. */
  readonly filesOf: string | undefined;
}

/** What a network setup left for later: plain values, kept with the container. */
export interface NetworkState extends NetworkPlan {
  /** Lines of /etc/hosts beside `localhost`. */
  readonly hosts: readonly { readonly address: string; readonly names: readonly string[] }[];
  /** For resolv.conf, in place of the host's; empty: the host's. */
  readonly nameservers: readonly string[];
  readonly searchDomains: readonly string[];
  /** `NetworkSettings` of inspect: addresses by network, ports. */
  readonly settings: NetworkSettings;
  /** The process that carries those of its published ports that the kernel's rules cannot; only where there is one. */
  readonly proxy?: ProcessId | undefined;
  /** Whether it asks the responder of ours for names. */
  readonly hasNames?: boolean | undefined;
}

export interface NetworkSettings {
  readonly networks: Readonly<Record<string, EndpointSettings>>;
  /** "80/tcp" to where it is published; null: exposed only. */
  readonly ports: Readonly<
    Record<string, readonly { readonly hostIp: string; readonly hostPort: number }[] | null>
  >;
}

export interface EndpointSettings {
  readonly networkId: string;
  readonly endpointId: string;
  readonly gateway: string;
  readonly ipAddress: string;
  readonly ipPrefixLength: number;
  readonly ipv6Gateway: string;
  readonly globalIpv6Address: string;
  readonly globalIpv6PrefixLength: number;
  readonly macAddress: string;
  readonly aliases: readonly string[];
}

export const noSettings: NetworkSettings = { networks: {}, ports: {} };

/** Nothing but what was planned. */
export function plainState(plan: NetworkPlan): NetworkState {
  return { ...plan, hosts: [], nameservers: [], searchDomains: [], settings: noSettings };
}

export interface NetworkDriver {
  /** Nothing is done yet. @throws {RuntError} for a container that is to be joined and does not run */
  plan(container: ContainerRecord): NetworkPlan;
  /**
   * Puts a container that is made, and does not run yet, on its networks.
   * @param init its pid
   * @throws {RuntError} with nothing left behind
   */
  attach(container: ContainerRecord, plan: NetworkPlan, init: number, signal?: Abort): Promise<NetworkState>;
  /** One network more for a container that runs. @throws {RuntError} */
  connect(container: ContainerRecord, init: number, attachment: NetworkAttachment): Promise<NetworkState>;
  /** One less. @throws {RuntError} NotFound where it is not on it */
  disconnect(container: ContainerRecord, init: number, network: string): Promise<NetworkState>;
  /** One that runs has another name now. */
  rename(container: ContainerRecord): Promise<void>;
  /**
   * When it has ended. Once is enough, twice does no harm; also after a reboot, or when half of it is gone.
   */
  teardown(container: ContainerRecord): Promise<void>;
  /** Starts again what serves a container that runs: the process of its ports, and who answers for names. @throws {RuntError} */
  revive(container: ContainerRecord): Promise<NetworkState>;
  /** What belongs to no container that is there: see `reconcile`. */
  reconcile(isThere: (id: string) => boolean, runs: (id: string) => boolean): Promise<void>;
}
