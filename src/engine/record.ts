/** A container as the engine remembers it: what was asked for, what was decided at create, and how it runs. */
import type { ImageConfig } from "../spec/image/config.ts";
import type { ChainID, Digest } from "../spec/image/digest.ts";
import type { RestartHistory } from "./monitor/restart-policy.ts";
import type { NetworkState } from "./network-driver.ts";
import type { ContainerRequest, IdMaps, Propagation } from "./request.ts";

/** What is written down; whether it is still true the kernel knows: see `observe`. */
export type StoredStatus = "creating" | "created" | "running" | "paused" | "exited" | "removing";

/** Docker's words, as `ps` and `inspect` have them. */
export type ContainerStatus =
  | "created"
  | "running"
  | "paused"
  | "restarting"
  | "removing"
  | "exited"
  | "dead";

/** A process that a reused pid cannot be mistaken for. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: number;
}

export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Unique among all containers, without a slash. */
  readonly name: string;
  /** RFC 3339 with nine digits of a second, UTC: as text it sorts by time. */
  readonly created: string;
  readonly status: StoredStatus;
  readonly summary: Summary;
  readonly request: ContainerRequest;
  readonly definition: Definition;
  readonly run: RunState;
  /** Who makes or removes it. */
  readonly owner: ProcessId | undefined;
}

/** What a list shows, so that a list reads little. */
export interface Summary {
  /** As asked for; the ID where that name is another image's by now is the reader's business. */
  readonly image: string;
  readonly imageId: Digest | undefined;
  /** All words of the program. */
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly autoRemove: boolean;
  readonly tty: boolean;
  readonly health: boolean;
  /** "80/tcp". */
  readonly exposed: readonly string[];
  readonly mounts: readonly { readonly name: string; readonly destination: string }[];
  /** Names of networks; "host", "none", "container:ID". */
  readonly networks: readonly string[];
}

/** What was found and decided when the container was made. */
export interface Definition {
  readonly image:
    | {
        readonly id: Digest;
        /** Full name, where the image has one. */
        readonly name: string | undefined;
        readonly target: Digest;
        readonly top: ChainID | undefined;
      }
    | undefined;
  /** `process.args`. */
  readonly args: readonly string[];
  /** How many of `args` are the entrypoint. */
  readonly entrypointLength: number;
  readonly env: readonly string[];
  readonly cwd: string;
  /** "user:group", looked up at each start. */
  readonly user: string;
  readonly hostname: string;
  readonly stopSignal: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly exposed: readonly string[];
  readonly health: HealthDefinition | undefined;
  /** In the order in which they are mounted. */
  readonly mounts: readonly ResolvedMount[];
  /** The image's, for `commit` and `inspect`. */
  readonly imageConfig: ImageConfig["config"] | undefined;
  /** Of its user namespace; undefined: it has none, and its ids are the host's. */
  readonly idMaps?: IdMaps | undefined;
  /**
   * "stored": on disk its files have the owners that they have on the host, and the image's are copied for that. An
   * ordinary user's kernel shows layers with other owners to nobody.
   */
  readonly owners?: "stored" | undefined;
}

/** Image and request together. */
export interface HealthDefinition {
  /** `["CMD", …]` or `["CMD-SHELL", text]`. */
  readonly test: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

/** A mount whose source is known. */
export type ResolvedMount = {
  readonly destination: string;
  readonly readonly: boolean;
} & (
  | {
      readonly type: "bind";
      readonly source: string;
      readonly missing: "make" | "refuse";
      readonly propagation: Propagation;
      readonly recursive: "enabled" | "disabled" | "writable" | "readonly";
      readonly options: readonly string[];
      readonly idMaps?: "container" | IdMaps | undefined;
      readonly chown?: boolean | undefined;
    }
  | {
      readonly type: "volume";
      readonly name: string;
      readonly source: string;
      readonly anonymous: boolean;
      readonly subpath: string | undefined;
      readonly chown?: boolean | undefined;
    }
  | { readonly type: "tmpfs"; readonly options: readonly string[] }
  | {
      readonly type: "image";
      readonly image: string;
      readonly top: ChainID;
      readonly subpath: string | undefined;
    }
);

/** The last run, or the one that goes on. */
export interface RunState {
  /** Of the machine; a pid of another boot is nobody's. */
  readonly bootId: string;
  readonly init: ProcessId | undefined;
  /** And the exit command that it becomes. */
  readonly monitor: ProcessId | undefined;
  /** As `created`; "" where it never was. */
  readonly started: string;
  readonly finished: string;
  readonly exitCode: number;
  readonly error: string;
  readonly oomKilled: boolean;
  readonly restarts: RestartHistory;
  /** By `stop` or `kill`: no policy starts it again. */
  readonly stoppedByUser: boolean;
  readonly network: NetworkState | undefined;
}

export const neverRun: RunState = {
  bootId: "",
  init: undefined,
  monitor: undefined,
  started: "",
  finished: "",
  exitCode: 0,
  error: "",
  oomKilled: false,
  restarts: { count: 0, delayMs: 0 },
  stoppedByUser: false,
  network: undefined,
};
