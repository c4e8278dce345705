/** What a program may say of a container, with names as in docker's flags; what is left out is as it is there. */
import type { PullOptions } from "../container/image.ts";
import type {
  HealthRequest,
  NetworkAttachment,
  ResourceRequest,
  Sharing,
  UserNamespaceRequest,
} from "../request.ts";
import type { Environment } from "./environment.ts";
import type { MountOption } from "./mounts.ts";
import type { PortOption } from "./ports.ts";
import type { Size } from "./size.ts";

export interface ContainerOptions {
  /** Unique; one is made up. */
  readonly name?: string | undefined;
  /** In place of the image's Cmd. A string is one word, not a line for a shell. */
  readonly command?: readonly string[] | string | undefined;
  /** In place of the image's Entrypoint; empty: none. */
  readonly entrypoint?: readonly string[] | string | undefined;
  /** Over the image's; what is undefined is left out. */
  readonly env?: Environment | undefined;
  /** "user", "uid", "user:group", "uid:gid". */
  readonly user?: string | number | undefined;
  /** Beside those of the user. */
  readonly groups?: readonly (string | number)[] | undefined;
  readonly workdir?: string | undefined;
  /** A terminal: all output is stdout then. */
  readonly tty?: boolean | undefined;
  /** Whether stdin stays open for `attach`; with `run`, `input` says it. */
  readonly stdin?: boolean | undefined;
  /** A small init of ours is pid 1, and reaps. */
  readonly init?: boolean | undefined;
  readonly hostname?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;

  /** The root file system cannot be written to. */
  readonly readOnly?: boolean | undefined;
  /** "/host:/container[:ro]", "volume:/container", or in parts. */
  readonly mounts?: readonly MountOption[] | undefined;
  /** By destination: options as of mount(8), "size=64m,mode=1777". */
  readonly tmpfs?: Readonly<Record<string, string>> | readonly string[] | undefined;
  /** Size of /dev/shm. */
  readonly shmSize?: Size | undefined;

  /** "bridge" (default), "none", "host", another container's, or the names of networks to be on. */
  readonly network?:
    | "bridge"
    | "none"
    | "host"
    | { readonly container: string }
    | readonly (string | NetworkOption)[]
    | undefined;
  /** 80: on a free port of every address of the host; "127.0.0.1:8080:80/tcp" as with `-p`; or in parts. */
  readonly ports?: readonly PortOption[] | undefined;
  readonly dns?: readonly string[] | undefined;
  /** More lines of /etc/hosts, name to address; "host-gateway" is the host's. */
  readonly extraHosts?: Readonly<Record<string, string>> | undefined;

  readonly memory?: Size | undefined;
  /** Memory and swap together; -1: as much swap as there is. */
  readonly memorySwap?: Size | undefined;
  /** Processors, 1.5 say. */
  readonly cpus?: number | undefined;
  /** Processes and threads. */
  readonly pidsLimit?: number | undefined;
  /** Other limits of its cgroup. */
  readonly resources?: Partial<ResourceRequest> | undefined;
  /** By name, "nofile": one number is soft and hard limit. */
  readonly ulimits?:
    | Readonly<Record<string, number | { readonly soft: number; readonly hard: number }>>
    | undefined;
  readonly sysctls?: Readonly<Record<string, string>> | undefined;

  readonly privileged?: boolean | undefined;
  /** "NET_ADMIN", "ALL". */
  readonly capAdd?: readonly string[] | undefined;
  readonly capDrop?: readonly string[] | undefined;
  readonly noNewPrivileges?: boolean | undefined;
  /** "default", "unconfined", or the path of a profile. */
  readonly seccomp?: string | undefined;
  readonly apparmor?: string | undefined;
  /** Paths of the host's devices; "/dev/fuse:/dev/fuse:rw". */
  readonly devices?: readonly string[] | undefined;
  readonly pid?: Sharing | undefined;
  readonly ipc?: Sharing | "shareable" | "none" | undefined;
  /** "auto": ids of its own. Ids that are said count as the engine does. */
  readonly userns?: UserNamespaceRequest | undefined;

  readonly restart?:
    | "no"
    | "always"
    | "unless-stopped"
    | "on-failure"
    | { readonly onFailure: number }
    | undefined;
  /** In place of the image's; "none": none at all. `test` as in a Dockerfile, or a line for a shell. */
  readonly health?: HealthOption | "none" | undefined;
  /** "none": nothing is kept, and `logs` has nothing to read. */
  readonly log?: "file" | "none" | { readonly maxSize: Size; readonly maxFiles: number } | undefined;
  readonly stopSignal?: string | undefined;
  /** Between it and SIGKILL; -1: never. */
  readonly stopTimeoutSeconds?: number | undefined;
  /** Removes itself when it ends. */
  readonly autoRemove?: boolean | undefined;
  /** Another OCI runtime's program, by path or name. */
  readonly runtime?: string | undefined;

  /** Whether the image is fetched: "missing" (default) where it is not here. */
  readonly pull?: "always" | "missing" | "never" | undefined;
  /** "linux/arm64". */
  readonly platform?: string | undefined;
  /** Is told how a pull goes on; must not throw. */
  readonly onProgress?: PullOptions["onProgress"];
  /** How registries are reached. */
  readonly registry?: PullOptions["registry"];
}

export type NetworkOption = { readonly network: string } & Partial<NetworkAttachment>;

export type HealthOption = Partial<Omit<HealthRequest, "test">> & {
  readonly test: readonly string[] | string;
};
