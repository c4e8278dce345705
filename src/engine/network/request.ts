/** What is asked for when a container is put on its networks. */
import type { Fd } from "../../linux/fd.ts";
import type { PortMapping, PublishedPort } from "./port-mapping.ts";
import type { Attachment, ProxyProcess } from "./record.ts";

/** One network that a container is to be on. */
export interface NetworkRequest {
  /** Name or ID. */
  readonly network: string;
  /** Addresses to have; others of the network where absent. */
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly macAddress?: string | undefined;
  /** More names by which it is found on this network. */
  readonly aliases?: readonly string[] | undefined;
  /** In the container; the next of "eth0", "eth1" … where absent. */
  readonly interfaceName?: string | undefined;
}

/** The network namespace of a container: an nsfs fd, which stays the caller's, or a path to one. */
export type Namespace = Fd | string;

export interface SetupRequest {
  /** Of the container. */
  readonly id: string;
  /** By which it is found on networks with names, beside the first 12 digits of its ID. */
  readonly name?: string | undefined;
  readonly namespace: Namespace;
  /** The first one has the default route and the published ports. */
  readonly networks: readonly NetworkRequest[];
  readonly ports?: readonly PortMapping[] | undefined;
  /** Whom the responder asks for this container, in place of the network's or the host's servers. */
  readonly nameservers?: readonly string[] | undefined;
  /** For plugins: bytes a second and burst, and the like; see `CniCapabilities`. */
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a container has got. */
export interface NetworkSetup {
  readonly id: string;
  readonly attachments: readonly Attachment[];
  readonly ports: readonly PublishedPort[];
  /** For its resolv.conf; empty where no network has names: then the host's servers are its own. */
  readonly nameservers: readonly string[];
  readonly searchDomains: readonly string[];
  /** The process that carries what the kernel's rules cannot; only where there is one. */
  readonly proxy?: ProxyProcess | undefined;
}
