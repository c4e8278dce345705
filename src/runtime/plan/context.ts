/** What all parts of planning a container share: the config, the facts, and the few things derived from both. */
import { resolve } from "node:path";
import type { Config } from "../../spec/runtime/config.ts";
import type { Mount } from "../../spec/runtime/mount.ts";
import type { LinuxNamespace, LinuxNamespaceType } from "../../spec/runtime/namespaces.ts";
import type { BundleFacts, HostFacts } from "../host/facts.ts";
import type { MonitorRequest } from "./monitor.ts";
import type { CgroupWrite } from "./plan.ts";

/** How the caller wants this container made; defaults are filled. */
export interface CreateRequest {
  readonly id: string;
  /** Absolute path. */
  readonly bundle: string;
  /** Absolute path of `<root>/<id>`. */
  readonly stateDirectory: string;
  /** A terminal's master goes here: a path to connect to, or an fd of ours. */
  readonly console: { readonly path: string } | { readonly fd: number } | undefined;
  readonly pivot: "pivot_root" | "move";
  readonly keyring: "new" | "inherited";
  /** Fds that the process keeps as 3, 4, … */
  readonly preserved: readonly number[];
  readonly listenFds: number;
  readonly stay: "untilReady" | "untilExit" | "monitor";
  /** What the shim does as the container's monitor. */
  readonly monitor?: MonitorRequest | undefined;
  /** Whether pipes among its stdio were made for it alone; a monitor makes such. */
  readonly giveStdio?: boolean | undefined;
  /** Whether the container ends with the process that made it. */
  readonly dieWithRuntime: boolean;
  /** Directory on the host that appears as /run/notify in the container. */
  readonly notifyDirectory: string | undefined;
  /** Directory of the cgroup on the host, and whether the process can be born in it. */
  readonly cgroup: {
    readonly path: string | undefined;
    readonly placement: "clone" | "attach" | "none";
    readonly writes: readonly CgroupWrite[];
  };
}

export class PlanContext {
  readonly config: Config;
  readonly host: HostFacts;
  readonly bundle: BundleFacts;
  readonly request: CreateRequest;
  readonly #namespaces: ReadonlyMap<LinuxNamespaceType, LinuxNamespace>;

  constructor(config: Config, host: HostFacts, bundle: BundleFacts, request: CreateRequest) {
    this.config = config;
    this.host = host;
    this.bundle = bundle;
    this.request = request;
    this.#namespaces = new Map(config.linux.namespaces.map((n) => [n.type, n]));
  }

  /** "new", the path to join, or undefined for the host's. */
  namespace(type: LinuxNamespaceType): string | undefined {
    const namespace = this.#namespaces.get(type);
    return namespace && (namespace.path ?? "new");
  }

  get hasUserns(): boolean {
    return this.namespace("user") !== undefined;
  }

  /**
   * Who opens paths of the host. As root with a user namespace only the shim still may; as an ordinary user
   * only init, root of its own user namespace, does.
   */
  get sourcePhase(): "shim" | "init" {
    return this.host.ownsMounts && this.hasUserns ? "shim" : "init";
  }

  /** Whether the container runs in another user namespace than the host's first one, be it its own or ours. */
  get isMapped(): boolean {
    return this.hasUserns || !this.host.privileged;
  }

  /** Whether mounts made in the container are to reach the host. */
  get sharesMounts(): boolean {
    return /^r?shared$/.test(this.config.linux.rootfsPropagation ?? "");
  }

  get mountLabel(): string | undefined {
    return this.host.lsm.selinux ? this.config.linux.mountLabel : undefined;
  }

  get cgroupPath(): string | undefined {
    return this.request.cgroup.path;
  }

  /** Absolute path of a bind mount's source. */
  sourcePath(mount: Mount): string {
    return resolve(this.request.bundle, mount.source ?? "");
  }
}
