/** What image and request come to: program, environment, labels, health check. Pure. */
import { RuntError } from "../../errors.ts";
import type { ContainerConfig } from "../../spec/image/config.ts";
import type { Definition, HealthDefinition, ResolvedMount, Summary } from "../record.ts";
import type { ContainerRequest } from "../request.ts";

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `process.args`. @throws {RuntError} InvalidArgument where neither image nor request names a program */
export function argsOf(
  request: Pick<ContainerRequest, "command" | "entrypoint">,
  image: ContainerConfig | undefined,
): { args: readonly string[]; entrypointLength: number } {
  const entrypoint = request.entrypoint ?? image?.Entrypoint ?? [];
  // An image's Cmd is meant for its own Entrypoint.
  const own = request.entrypoint === undefined ? (image?.Cmd ?? []) : [];
  const command = request.command && request.command.length > 0 ? request.command : own;
  const args = [...entrypoint, ...command];
  if (args.length === 0 || args[0] === "") {
    const site = { operation: "create", hint: "name one after the image" };
    throw new RuntError("InvalidArgument", "no command specified", site);
  }
  return { args, entrypointLength: entrypoint.length };
}

/** The image's, then the request's, and what every program expects. HOME comes with the user, at start. */
export function environmentOf(
  request: Pick<ContainerRequest, "env" | "tty">,
  hostname: string,
  image: ContainerConfig | undefined,
): string[] {
  const variables = new Map<string, string>();
  const set = (entry: string): void => {
    const name = entry.split("=", 1)[0]!;
    if (entry.includes("=")) variables.set(name, entry);
    else variables.delete(name); // "-e NAME" of a variable that the caller has not
  };
  set(defaultPath);
  set(`HOSTNAME=${hostname}`);
  if (request.tty) set("TERM=xterm");
  for (const entry of [...(image?.Env ?? []), ...request.env]) set(entry);
  return [...variables.values()];
}

const defaultHealth = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  retries: 3,
  startPeriodMs: 0,
  startIntervalMs: 5000,
};

/** Undefined: no checks. */
export function healthOf(
  request: ContainerRequest["health"],
  image: ContainerConfig["Healthcheck"],
): HealthDefinition | undefined {
  if (request === "none") return undefined;
  const test = request?.test ?? image?.Test ?? [];
  if (test.length === 0 || test[0] === "NONE") return undefined;
  const ms = (ns: number | undefined) => (ns ? ns / 1e6 : undefined);
  return {
    test,
    intervalMs: request?.intervalMs || ms(image?.Interval) || defaultHealth.intervalMs,
    timeoutMs: request?.timeoutMs || ms(image?.Timeout) || defaultHealth.timeoutMs,
    retries: request?.retries || image?.Retries || defaultHealth.retries,
    startPeriodMs: request?.startPeriodMs || ms(image?.StartPeriod) || defaultHealth.startPeriodMs,
    startIntervalMs: request?.startIntervalMs || ms(image?.StartInterval) || defaultHealth.startIntervalMs,
  };
}

/** Of the host where that is shared. */
export function hostnameOf(request: ContainerRequest, id: string, host: string): string {
  if (request.namespaces.uts === "host") return host;
  return request.hostname ?? (request.network.mode === "host" ? host : id.slice(0, 12));
}

/** @param identity of the image; undefined with a root file system in its place */
export function definitionOf(
  request: ContainerRequest,
  config: ContainerConfig | undefined,
  facts: {
    readonly image: Definition["image"];
    readonly hostname: string;
    readonly mounts: readonly ResolvedMount[];
  },
): Definition {
  const { image, hostname, mounts } = facts;
  return {
    image,
    ...argsOf(request, config),
    env: environmentOf(request, hostname, config),
    cwd: request.workingDir ?? (config?.WorkingDir || "/"),
    user: request.user ?? config?.User ?? "",
    hostname,
    stopSignal: request.stopSignal ?? (config?.StopSignal || "SIGTERM"),
    labels: { ...config?.Labels, ...request.labels },
    exposed: [
      ...new Set([...Object.keys(config?.ExposedPorts ?? {}).map(withProtocol), ...request.network.expose]),
    ],
    health: healthOf(request.health, config?.Healthcheck),
    mounts,
    imageConfig: config,
  };
}

function withProtocol(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

export function summaryOf(request: ContainerRequest, definition: Definition): Summary {
  const { mode, networks, unplugged } = request.network;
  return {
    image: request.image ?? request.rootfs ?? "",
    imageId: definition.image?.id,
    command: definition.args,
    labels: definition.labels,
    autoRemove: request.autoRemove,
    tty: request.tty,
    health: definition.health !== undefined,
    exposed: definition.exposed,
    mounts: definition.mounts.map((mount) => ({
      name: mount.type === "volume" ? mount.name : mount.type === "bind" ? mount.source : mount.type,
      destination: mount.destination,
    })),
    networks:
      mode === "bridge"
        ? networks.length > 0 || unplugged
          ? networks.map(({ network }) => network)
          : ["bridge"]
        : [typeof mode === "string" ? mode : "container" in mode ? `container:${mode.container}` : mode.path],
  };
}
