/** The verbs of the OCI runtime as types: what `runt-oci` and the library call, and what they get back. */
import type { LinuxResources } from "../spec/runtime/resources.ts";
import type { State } from "../spec/runtime/state.ts";

/** Who keeps cgroups: we, by writing files; systemd, over D-Bus; nobody. */
export type CgroupManager = "cgroupfs" | "systemd" | "disabled";

/** What every verb needs to know of its surroundings. */
export interface RuntimeContext {
  /** Absolute path of the state directory, `/run/runt` by default. */
  readonly root: string;
  readonly cgroupManager: CgroupManager;
  /** Whether what only root can do may be left out: "auto" finds out. */
  readonly rootless: boolean | "auto";
  /** Messages that are not errors. Never stdout, and on success nothing by default. */
  readonly log: (level: "debug" | "info" | "warning", message: string) => void;
}

export interface CreateOptions {
  /** Path of the bundle directory. */
  readonly bundle: string;
  /** Path of the configuration, `<bundle>/config.json` by default. */
  readonly config?: string;
  readonly consoleSocket?: string;
  readonly pidfdSocket?: string;
  readonly pidFile?: string;
  readonly noPivot?: boolean;
  readonly noNewKeyring?: boolean;
  /** How many fds from 3 on the process keeps, beside LISTEN_FDS. */
  readonly preserveFds?: number;
  /** Fds for the process's stdio; 0, 1, 2 by default. Not closed. */
  readonly stdio?: readonly [number, number, number];
  /** LISTEN_FDS of our environment. */
  readonly listenFds?: number;
  /** NOTIFY_SOCKET of our environment. */
  readonly notifySocket?: string;
}

export interface RunOptions extends CreateOptions {
  readonly detach?: boolean;
  /** Keeps the state when the process has ended. */
  readonly keep?: boolean;
  readonly noSubreaper?: boolean;
}

export interface ExecOptions {
  /** The whole process object (exec --process); otherwise the container's, with what follows changed. */
  readonly process?: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  readonly env?: readonly string[];
  readonly tty?: boolean;
  /** UID[:GID] */
  readonly user?: string;
  readonly additionalGids?: readonly number[];
  readonly processLabel?: string;
  readonly apparmor?: string;
  readonly noNewPrivs?: boolean;
  readonly capabilities?: readonly string[];
  /** Sub-cgroup paths, `[controllers:]path`. */
  readonly cgroup?: readonly string[];
  readonly ignorePaused?: boolean;
  /** Whether it is killed when this process dies, also where that is killed itself. */
  readonly dieWithParent?: boolean;
  readonly detach?: boolean;
  readonly pidFile?: string;
  readonly consoleSocket?: string;
  readonly pidfdSocket?: string;
  readonly preserveFds?: number;
  readonly stdio?: readonly [number, number, number];
  /**
   * Whether pipes among its stdio were made for it alone. Then they belong to its user on the host, who could not open
   * /dev/stdout otherwise in a user namespace of its own.
   */
  readonly giveStdio?: boolean;
}

/** How a process ended; only the CLI writes 128+n. */
export type ExitStatus = { readonly exited: number } | { readonly signaled: string; readonly signal: number };

/** One row of `list`. */
export interface ListedContainer extends State {
  /** RFC 3339 with nanoseconds, UTC. */
  readonly created: string;
  /** User name, or `#uid`. */
  readonly owner: string;
  readonly rootfs: string;
}

/** What `state` prints: the specification's state and runc's additions. */
export type ContainerState = ListedContainer;

/** One line of `events`. */
export interface ContainerEvent {
  readonly type: "stats" | "oom";
  readonly id: string;
  /** As runc writes it. */
  readonly data?: object;
}

/** All verbs. `src/runtime/index.ts` exports them one by one. */
export interface RuntimeVerbs {
  create(context: RuntimeContext, id: string, options: CreateOptions): Promise<void>;
  start(context: RuntimeContext, id: string): Promise<void>;
  /** Resolves when the process has ended, or at once with `detach`. */
  run(context: RuntimeContext, id: string, options: RunOptions): Promise<ExitStatus | undefined>;
  exec(context: RuntimeContext, id: string, options: ExecOptions): Promise<ExitStatus | undefined>;
  state(context: RuntimeContext, id: string): ContainerState;
  list(context: RuntimeContext): ListedContainer[];
  /** `signal` is a number. */
  kill(context: RuntimeContext, id: string, signal: number, options: { all: boolean }): Promise<void>;
  deleteContainer(context: RuntimeContext, id: string, options: { force: boolean }): Promise<void>;
  /** Pids of all processes, as the host counts them. */
  ps(context: RuntimeContext, id: string): number[];
  pause(context: RuntimeContext, id: string): Promise<void>;
  resume(context: RuntimeContext, id: string): Promise<void>;
  update(context: RuntimeContext, id: string, resources: LinuxResources): Promise<void>;
  /** One stats event at once and one every `intervalMs`; OOM kills as they happen. Ends with the container. */
  events(
    context: RuntimeContext,
    id: string,
    options: { intervalMs: number; signal?: AbortSignal },
  ): AsyncIterable<ContainerEvent>;
  stats(context: RuntimeContext, id: string): Promise<ContainerEvent>;
}
