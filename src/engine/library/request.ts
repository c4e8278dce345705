/** From a program's options to the request that the engine knows. Pure. */
import type { ContainerRequest, DeviceRequest, NetworkAttachment, NetworkRequest } from "../request.ts";
import { requestOf } from "../request-defaults.ts";
import { environmentOf } from "./environment.ts";
import { mountsOf } from "./mounts.ts";
import type { ContainerOptions, HealthOption, NetworkOption } from "./options.ts";
import { portsOf } from "./ports.ts";
import { bytesOf } from "./size.ts";

/** @throws {RuntError} InvalidArgument */
export function containerRequest(image: string, options: ContainerOptions): ContainerRequest {
  const { memory, memorySwap, shmSize, log, health } = options;
  return requestOf({
    image,
    platform: options.platform,
    pull: options.pull,
    name: options.name,
    command: wordsOf(options.command),
    entrypoint: wordsOf(options.entrypoint),
    env: environmentOf(options.env),
    workingDir: options.workdir,
    user: options.user === undefined ? undefined : String(options.user),
    groups: options.groups?.map(String),
    tty: options.tty,
    stdin: options.stdin ? "open" : "none",
    init: options.init,
    hostname: options.hostname,
    readonlyRootfs: options.readOnly,
    mounts: [...mountsOf(options.mounts ?? []), ...tmpfsOf(options.tmpfs)],
    shmSize: shmSize === undefined ? undefined : bytesOf("shmSize", shmSize),
    namespaces: { pid: options.pid, ipc: options.ipc, user: options.userns } as object,
    network: networkOf(options),
    devices: options.devices?.map(deviceOf),
    resources: {
      ...options.resources,
      ...(memory !== undefined && { memory: bytesOf("memory", memory) }),
      ...(memorySwap !== undefined && { memorySwap: bytesOf("memorySwap", memorySwap) }),
      ...(options.cpus !== undefined && { cpus: options.cpus }),
      ...(options.pidsLimit !== undefined && { pids: options.pidsLimit }),
    },
    security: {
      privileged: options.privileged ?? false,
      capAdd: options.capAdd ?? [],
      capDrop: options.capDrop ?? [],
      noNewPrivileges: options.noNewPrivileges ?? false,
      seccomp: options.seccomp ?? "default",
      apparmor: options.apparmor,
    },
    ulimits: Object.fromEntries(
      Object.entries(options.ulimits ?? {}).map(([name, limit]) => [
        name,
        typeof limit === "number" ? { soft: limit, hard: limit } : limit,
      ]),
    ),
    sysctls: options.sysctls,
    restart: restartOf(options.restart),
    health: health === undefined || health === "none" ? health : healthOf(health),
    log:
      typeof log === "object"
        ? { driver: "file", maxSize: bytesOf("log.maxSize", log.maxSize), maxFiles: log.maxFiles }
        : { driver: log ?? "file" },
    stopSignal: options.stopSignal,
    stopTimeoutSeconds: options.stopTimeoutSeconds,
    labels: options.labels,
    annotations: options.annotations,
    autoRemove: options.autoRemove,
    runtime: options.runtime,
  });
}

function wordsOf(words: readonly string[] | string | undefined): readonly string[] | undefined {
  return typeof words === "string" ? [words] : words;
}

function tmpfsOf(tmpfs: ContainerOptions["tmpfs"] = {}): ContainerRequest["mounts"] {
  const entries = Array.isArray(tmpfs)
    ? tmpfs.map((destination) => [destination, ""] as const)
    : Object.entries(tmpfs as Readonly<Record<string, string>>);
  return entries.map(([destination, options]) => ({
    type: "tmpfs",
    destination,
    readonly: false,
    options: options === "" ? [] : options.split(","),
  }));
}

function networkOf({ network = "bridge", ports = [], dns = [], extraHosts = {} }: ContainerOptions) {
  const isList = Array.isArray(network);
  const mode = isList ? "bridge" : (network as Exclude<typeof network, readonly unknown[]>);
  return {
    mode,
    networks: isList ? (network as readonly (string | NetworkOption)[]).map(attachmentOf) : [],
    ports: portsOf(ports),
    dns,
    extraHosts: Object.entries(extraHosts).map(([name, address]) => ({ name, address })),
  } satisfies Partial<NetworkRequest>;
}

function attachmentOf(option: string | NetworkOption): NetworkAttachment {
  const base = { aliases: [], ipv4: undefined, ipv6: undefined, mac: undefined };
  return typeof option === "string" ? { ...base, network: option } : { ...base, ...option };
}

function deviceOf(text: string): DeviceRequest {
  const [host = "", container = host, permissions = "rwm"] = text.split(":");
  return { host, container, permissions };
}

function restartOf(restart: ContainerOptions["restart"] = "no"): ContainerRequest["restart"] {
  if (typeof restart === "object") return { name: "on-failure", maximumRetryCount: restart.onFailure };
  return restart === "on-failure" ? { name: restart, maximumRetryCount: 0 } : { name: restart };
}

function healthOf({ test, ...rest }: HealthOption): Exclude<ContainerRequest["health"], "none"> {
  const unset = {
    intervalMs: undefined,
    timeoutMs: undefined,
    retries: undefined,
    startPeriodMs: undefined,
    startIntervalMs: undefined,
  };
  const command =
    typeof test === "string"
      ? ["CMD-SHELL", test]
      : /^(CMD|CMD-SHELL|NONE)$/.test(test[0] ?? "")
        ? test
        : ["CMD", ...test];
  return { ...unset, ...rest, test: command };
}
