/**
 * What a person asks for: a container as the command line, the library and the API describe it, with every default filled
 * in. Names and meanings are docker's; `src/engine/spec` makes a config.json of it together with the image's config.
 */
import type { LinuxIDMapping } from "../spec/runtime/id-mapping.ts";
import type { RestartPolicy } from "./monitor/restart-policy.ts";

export interface ContainerRequest {
  /** As typed: "alpine", "alpine@sha256:…", an ID. Undefined with `rootfs`. */
  readonly image: string | undefined;
  /** A directory in place of an image. */
  readonly rootfs: string | undefined;
  /** "container": owners of its files as the container's user namespace has them. */
  readonly rootfsOwners?: "container" | undefined;
  /** "os/arch[/variant]". */
  readonly platform: string | undefined;
  readonly pull: "always" | "missing" | "never";
  /** `[a-zA-Z0-9][a-zA-Z0-9_.-]+`; undefined: one is made up. */
  readonly name: string | undefined;

  /** In place of the image's Cmd; undefined: the image's. */
  readonly command: readonly string[] | undefined;
  /** In place of the image's Entrypoint, and then its Cmd does not count either. Empty: none. */
  readonly entrypoint: readonly string[] | undefined;
  /** "NAME=value"; what the caller's own environment fills in is filled in. */
  readonly env: readonly string[];
  readonly workingDir: string | undefined;
  /** "user", "uid", "user:group", "uid:gid". */
  readonly user: string | undefined;
  /** Names or numbers, beside those of the user. */
  readonly groups: readonly string[];
  readonly tty: boolean;
  readonly stdin: "none" | "open" | "once";
  /** Size of the terminal in characters. */
  readonly consoleSize: { readonly width: number; readonly height: number } | undefined;
  /** A small init of ours is pid 1, and reaps. */
  readonly init: boolean;

  readonly hostname: string | undefined;
  readonly domainname: string | undefined;
  readonly readonlyRootfs: boolean;
  /** `-v`, `--mount` and `--tmpfs`, in their order. */
  readonly mounts: readonly MountRequest[];
  /** Containers whose mounts this one gets too. */
  readonly volumesFrom: readonly { readonly container: string; readonly readonly: boolean }[];
  /** Bytes of /dev/shm. */
  readonly shmSize: number;

  readonly namespaces: NamespaceRequest;
  readonly network: NetworkRequest;
  /** `host` path or "vendor/class=name" (CDI). */
  readonly devices: readonly DeviceRequest[];
  /** As in "c 1:3 rwm". */
  readonly deviceCgroupRules: readonly string[];
  readonly resources: ResourceRequest;
  readonly security: SecurityRequest;
  /** Name to soft and hard limit; -1 is no limit. */
  readonly ulimits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
  readonly sysctls: Readonly<Record<string, string>>;

  readonly restart: RestartPolicy;
  /** Undefined: the image's; "none": not even that. */
  readonly health: HealthRequest | "none" | undefined;
  readonly log: LogRequest;
  /** Undefined: the image's, SIGTERM without one. */
  readonly stopSignal: string | undefined;
  /** Until SIGKILL; -1: never. */
  readonly stopTimeoutSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Removes the container, with its anonymous volumes, once it has ended. */
  readonly autoRemove: boolean;
  /** Another OCI runtime's program, by path or name; undefined: ours, in process. */
  readonly runtime: string | undefined;
}

/** One mount. `destination` is absolute. */
export type MountRequest = {
  readonly destination: string;
  readonly readonly: boolean;
} & (
  | {
      readonly type: "bind";
      /** Absolute. */
      readonly source: string;
      /** `-v` makes a directory where there is nothing, `--mount` does not. */
      readonly missing: "make" | "refuse";
      readonly propagation: Propagation;
      /** Whether what is mounted below the source comes along, and whether it is read-only too. */
      readonly recursive: "enabled" | "disabled" | "writable" | "readonly";
      /** mount(8) words beside these: "noexec". */
      readonly options: readonly string[];
      /** Owners of its files as the container's user namespace, or these maps, have them; as they are by default. */
      readonly idMaps?: "container" | IdMaps | undefined;
      /** Everything in it is given to the container's user, for good. */
      readonly chown?: boolean | undefined;
    }
  | {
      readonly type: "volume";
      /** Everything in it is given to the container's user, for good. */
      readonly chown?: boolean | undefined;
      /** Undefined: an anonymous one is made. */
      readonly name: string | undefined;
      /** Whether an empty volume gets what the image has there. */
      readonly copyUp: boolean;
      readonly subpath: string | undefined;
      readonly driverOptions: Readonly<Record<string, string>>;
      readonly labels: Readonly<Record<string, string>>;
    }
  | {
      readonly type: "tmpfs";
      /** mount(8) words and data: "size=64m", "exec". */
      readonly options: readonly string[];
    }
  | { readonly type: "image"; readonly image: string; readonly subpath: string | undefined }
);

export type Propagation =
  | "private"
  | "rprivate"
  | "shared"
  | "rshared"
  | "slave"
  | "rslave"
  | "unbindable"
  | "runbindable";

/** Of its own, the host's, or another container's. */
export type Sharing = "private" | "host" | { readonly container: string } | { readonly path: string };

export interface NamespaceRequest {
  readonly pid: Sharing;
  /** "shareable": of its own, and others may join it; "none": of its own, without /dev/shm. */
  readonly ipc: Sharing | "shareable" | "none";
  readonly uts: "private" | "host";
  readonly cgroup: "private" | "host";
  readonly user: UserNamespaceRequest;
}

/** One for users and one for groups. `hostID`s are of the namespace that the engine is in. */
export interface IdMaps {
  readonly uid: readonly LinuxIDMapping[];
  readonly gid: readonly LinuxIDMapping[];
}

/** Who the container's users are on the host. @see podman-run(1) --userns */
export type UserNamespaceRequest =
  /** The same. */
  | "host"
  /** Nobody else: ids of the ranges of user "containers" in /etc/subuid and /etc/subgid that no container has. */
  | "auto"
  /** The same, so many of them (undefined: as the image needs), and some that are said. */
  | { readonly auto: { readonly size: number | undefined } & IdMaps }
  /** The same, in a user namespace of its own. */
  | "keep-id"
  /** An ordinary user's own ids are these in the container. */
  | { readonly keepId: { readonly uid: number | undefined; readonly gid: number | undefined } }
  /** All of an ordinary user's subordinate ids, and not its own. */
  | "nomap"
  | { readonly maps: IdMaps }
  /** All that these names have in /etc/subuid and /etc/subgid. */
  | { readonly subordinate: { readonly uid: string; readonly gid: string } }
  | { readonly container: string }
  | { readonly path: string };

export interface NetworkRequest {
  readonly mode: "bridge" | "host" | "none" | { readonly container: string } | { readonly path: string };
  /** With mode "bridge": the networks to be in; the default one if empty. */
  readonly networks: readonly NetworkAttachment[];
  /** It was taken off all of them: empty are none. */
  readonly unplugged?: boolean | undefined;
  readonly ports: readonly PortRequest[];
  /** `-P`: all that the image exposes. */
  readonly publishAll: boolean;
  /** "80/tcp". */
  readonly expose: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** "host-gateway" is the bridge's address. */
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[];
}

export interface NetworkAttachment {
  readonly network: string;
  readonly aliases: readonly string[];
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  readonly mac: string | undefined;
}

export interface PortRequest {
  /** Undefined: every address of the host, of both families. */
  readonly hostIp: string | undefined;
  /** 0: one that is free; with `hostPortEnd` the first free one of the range. */
  readonly hostPort: number;
  readonly hostPortEnd: number | undefined;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
}

export interface DeviceRequest {
  readonly host: string;
  readonly container: string;
  /** Of "rwm". */
  readonly permissions: string;
}

/** Undefined or empty: no limit of its own. Sizes in bytes. */
export interface ResourceRequest {
  readonly memory: number | undefined;
  /** Memory and swap together; -1: as much swap as there is. */
  readonly memorySwap: number | undefined;
  readonly memoryReservation: number | undefined;
  /** Processors, 1.5 say. */
  readonly cpus: number | undefined;
  readonly cpuPeriodUs: number | undefined;
  readonly cpuQuotaUs: number | undefined;
  readonly cpuShares: number | undefined;
  readonly cpusetCpus: string | undefined;
  readonly cpusetMems: string | undefined;
  /** -1: no limit. */
  readonly pids: number | undefined;
  readonly blkioWeight: number | undefined;
  readonly blkio: readonly {
    readonly path: string;
    readonly rate: number;
    readonly kind: "readBps" | "writeBps" | "readIops" | "writeIops";
  }[];
  /** Files of the cgroup and what is written to them. */
  readonly unified: Readonly<Record<string, string>>;
  readonly oomScoreAdj: number | undefined;
  readonly cgroupParent: string | undefined;
}

export interface SecurityRequest {
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly noNewPrivileges: boolean;
  /** "default", "unconfined", or the path of a profile. */
  readonly seccomp: string;
  /** Undefined: the host's default. */
  readonly apparmor: string | undefined;
  /** SELinux, "disable" or "user:…", "type:…". */
  readonly labels: readonly string[];
  /** Whether paths of /proc and /sys that tell of the host are hidden. */
  readonly systemPaths: "hidden" | "unconfined";
}

export interface HealthRequest {
  /** Undefined: the image's. */
  readonly test: readonly string[] | undefined;
  readonly intervalMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly retries: number | undefined;
  readonly startPeriodMs: number | undefined;
  readonly startIntervalMs: number | undefined;
}

export interface LogRequest {
  readonly driver: "file" | "none";
  /** Bytes; 0: no limit. */
  readonly maxSize: number;
  readonly maxFiles: number;
}
