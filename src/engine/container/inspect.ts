/** `inspect`: all that is known of a container, with docker's names, which scripts look for. */
import { join } from "node:path";
import { messageOf } from "../../errors.ts";
import { exitCode } from "../../runtime/create/exit-status.ts";
import { hostFacts } from "../../runtime/host/measure.ts";
import type { EngineContext } from "../context.ts";
import { readHealth } from "../monitor/records.ts";
import type { ContainerRecord, ResolvedMount, RunState } from "../record.ts";
import type { ContainerRequest, IdMaps, NamespaceRequest, Sharing } from "../request.ts";
import { capabilitiesOf } from "../spec/capabilities.ts";
import { maskedPaths, readonlyPaths } from "../spec/hidden-paths.ts";
import { neverTime, timestampOf } from "../time.ts";
import { findRecord } from "./find.ts";
import { networkSettingsOf } from "./inspect-network.ts";
import { lacksProxy, observe } from "./observe.ts";
import { healthNow } from "./ps.ts";

export interface InspectOptions {
  /** How much disk it takes, which takes a while to find out. */
  readonly size?: boolean | undefined;
}

/** @throws {RuntError} NotFound */
export async function inspectContainer(
  context: EngineContext,
  text: string,
  { size = false }: InspectOptions = {},
) {
  const record = findRecord(context, text, "inspect");
  if (lacksProxy(record)) await reviveFor(context, record);
  const { id, name, created, request, definition } = record;
  const { layout } = context;
  const directory = layout.container(id);
  const filesOf = layout.container(record.run.network?.filesOf ?? id);
  const [path = "", ...args] = definition.args;
  return {
    Id: id,
    Created: created,
    Path: path,
    Args: args,
    State: stateOf(context, record),
    Image: definition.image?.id ?? "",
    ResolvConfPath: join(filesOf, "resolv.conf"),
    HostnamePath: join(filesOf, "hostname"),
    HostsPath: join(filesOf, "hosts"),
    LogPath: request.log.driver === "none" ? "" : layout.log(id),
    Name: `/${name}`,
    RestartCount: record.run.restarts.count,
    Driver: "overlay",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: await appArmorOf(request),
    ExecIDs: null,
    HostConfig: hostConfigOf(record),
    GraphDriver: {
      Name: "overlay",
      Data: {
        UpperDir: join(directory, "upper"),
        WorkDir: join(directory, "work"),
        LowerDir: await lowersOf(context, record),
      },
    },
    ...(size && (await sizesOf(context, record))),
    Mounts: definition.mounts.map(mountOf),
    Config: configOf(record),
    NetworkSettings: await networkSettingsOf(context, record),
  };
}

/** Whoever asks for its ports may want to use them. */
async function reviveFor(context: EngineContext, { id, name }: ContainerRecord): Promise<void> {
  const { reviveServers } = await import("../reconcile.ts");
  await reviveServers(context, id).catch((error: unknown) => {
    context.log("warning", `container ${name}: cannot be put right: ${messageOf(error)}`);
  });
}

export type ContainerInspect = Awaited<ReturnType<typeof inspectContainer>>;

/** What it runs with, or would: docker has "" where the machine has no AppArmor. */
async function appArmorOf({ security }: ContainerRequest): Promise<string> {
  const { lsm, privileged } = hostFacts();
  if (!lsm.apparmor || !privileged) return security.apparmor ?? "";
  const { appArmorHost, profileName } = await import("../spec/apparmor.ts");
  return profileName(security, appArmorHost(true)) ?? "unconfined";
}

function stateOf(context: EngineContext, record: ContainerRecord) {
  const { status, run } = observe(context, record);
  const runs = status === "running" || status === "paused" || status === "restarting";
  return {
    Status: status,
    Running: runs,
    Paused: status === "paused",
    Restarting: status === "restarting",
    OOMKilled: run.oomKilled,
    Dead: status === "dead",
    Pid: (status === "running" || status === "paused") && run.init ? run.init.pid : 0,
    ExitCode: runs ? 0 : run.exitCode,
    Error: run.error,
    StartedAt: run.started || neverTime,
    FinishedAt: run.finished || neverTime,
    ...(record.definition.health && { Health: healthOf(context, record, run) }),
  };
}

function healthOf(context: EngineContext, { id }: ContainerRecord, run: RunState) {
  const health = readHealth(context.layout.container(id));
  return {
    Status: run.started === "" ? "starting" : healthNow(context, id),
    FailingStreak: health?.failures ?? 0,
    Log: (health?.checks ?? []).map(({ startedNs, finishedNs, status, timedOut, output }) => ({
      Start: timestampOf(startedNs),
      End: timestampOf(finishedNs),
      ExitCode: timedOut ? -1 : exitCode(status),
      Output: output.toString("utf8"),
    })),
  };
}

function configOf({ request, definition }: ContainerRecord) {
  const { args, entrypointLength, env, health } = definition;
  const ns = (ms: number) => ms * 1_000_000;
  return {
    Hostname: request.namespaces.uts === "host" ? "" : definition.hostname,
    Domainname: request.domainname ?? "",
    User: definition.user,
    AttachStdin: request.stdin === "once",
    AttachStdout: request.stdin === "once",
    AttachStderr: request.stdin === "once",
    ExposedPorts: Object.fromEntries(definition.exposed.map((port) => [port, {}])),
    Tty: request.tty,
    OpenStdin: request.stdin !== "none",
    StdinOnce: request.stdin === "once",
    Env: env,
    Cmd: args.length > entrypointLength ? args.slice(entrypointLength) : null,
    ...(health && {
      Healthcheck: {
        Test: health.test,
        Interval: ns(health.intervalMs),
        Timeout: ns(health.timeoutMs),
        StartPeriod: ns(health.startPeriodMs),
        StartInterval: ns(health.startIntervalMs),
        Retries: health.retries,
      },
    }),
    Image: request.image ?? "",
    Volumes: definition.imageConfig?.Volumes ?? null,
    WorkingDir: definition.cwd,
    Entrypoint: entrypointLength > 0 ? args.slice(0, entrypointLength) : null,
    OnBuild: definition.imageConfig?.OnBuild ?? null,
    Labels: definition.labels,
    StopSignal: definition.stopSignal,
    StopTimeout: request.stopTimeoutSeconds,
  };
}

function hostConfigOf({ request, definition }: ContainerRecord) {
  const { resources, security, network, namespaces, restart } = request;
  const hidden = security.systemPaths === "hidden" && !security.privileged;
  const rates = (kind: string) =>
    resources.blkio.filter((one) => one.kind === kind).map(({ path, rate }) => ({ Path: path, Rate: rate }));
  const [onlyNetwork] = network.networks;
  return {
    Binds: definition.mounts.flatMap((mount) => bindText(mount)),
    ContainerIDFile: "",
    LogConfig: {
      // docker's word for its own file, which scripts look for.
      Type: request.log.driver === "none" ? "none" : "json-file",
      Config: { "max-size": String(request.log.maxSize), "max-file": String(request.log.maxFiles) },
    },
    NetworkMode:
      network.mode === "bridge"
        ? (onlyNetwork?.network ?? "bridge")
        : typeof network.mode === "string"
          ? network.mode
          : sharingText(network.mode),
    PortBindings: Object.fromEntries(
      network.ports.map((port) => [
        `${port.containerPort}/${port.protocol}`,
        network.ports
          .filter((other) => other.containerPort === port.containerPort && other.protocol === port.protocol)
          .map(({ hostIp, hostPort }) => ({
            HostIp: hostIp ?? "",
            HostPort: hostPort === 0 ? "" : String(hostPort),
          })),
      ]),
    ),
    RestartPolicy: {
      Name: restart.name,
      MaximumRetryCount: restart.name === "on-failure" ? restart.maximumRetryCount : 0,
    },
    AutoRemove: request.autoRemove,
    VolumeDriver: "",
    VolumesFrom: request.volumesFrom.map(({ container, readonly }) => `${container}${readonly ? ":ro" : ""}`),
    ConsoleSize: [request.consoleSize?.height ?? 0, request.consoleSize?.width ?? 0],
    Annotations: request.annotations,
    CapAdd: security.capAdd.length > 0 ? canonical(security.capAdd) : null,
    CapDrop: security.capDrop.length > 0 ? canonical(security.capDrop) : null,
    CgroupnsMode: namespaces.cgroup,
    Dns: network.dns,
    DnsOptions: network.dnsOptions,
    DnsSearch: network.dnsSearch,
    ExtraHosts: network.extraHosts.map(({ name, address }) => `${name}:${address}`),
    GroupAdd: request.groups,
    IpcMode: typeof namespaces.ipc === "string" ? namespaces.ipc : sharingText(namespaces.ipc),
    OomScoreAdj: resources.oomScoreAdj ?? 0,
    PidMode: namespaces.pid === "private" ? "" : sharingText(namespaces.pid),
    Privileged: security.privileged,
    PublishAllPorts: network.publishAll,
    ReadonlyRootfs: request.readonlyRootfs,
    SecurityOpt: securityOptions(security),
    UTSMode: namespaces.uts === "host" ? "host" : "",
    UsernsMode: usernsText(namespaces.user),
    ...(definition.idMaps && { IDMappings: idMappingsOf(definition.idMaps) }),
    ShmSize: request.shmSize,
    Sysctls: request.sysctls,
    Runtime: request.runtime ?? "runt",
    Init: request.init,
    CpuShares: resources.cpuShares ?? 0,
    Memory: resources.memory ?? 0,
    NanoCpus: Math.round((resources.cpus ?? 0) * 1e9),
    CgroupParent: resources.cgroupParent ?? "",
    BlkioWeight: resources.blkioWeight ?? 0,
    BlkioDeviceReadBps: rates("readBps"),
    BlkioDeviceWriteBps: rates("writeBps"),
    BlkioDeviceReadIOps: rates("readIops"),
    BlkioDeviceWriteIOps: rates("writeIops"),
    CpuPeriod: resources.cpuPeriodUs ?? 0,
    CpuQuota: resources.cpuQuotaUs ?? 0,
    CpusetCpus: resources.cpusetCpus ?? "",
    CpusetMems: resources.cpusetMems ?? "",
    Devices: request.devices.map(({ host, container, permissions }) => ({
      PathOnHost: host,
      PathInContainer: container,
      CgroupPermissions: permissions,
    })),
    DeviceCgroupRules: request.deviceCgroupRules,
    MemoryReservation: resources.memoryReservation ?? 0,
    MemorySwap: resources.memorySwap ?? (resources.memory ? resources.memory * 2 : 0),
    PidsLimit: resources.pids ?? null,
    Ulimits: Object.entries(request.ulimits).map(([Name, { soft, hard }]) => ({
      Name,
      Hard: hard,
      Soft: soft,
    })),
    Tmpfs: Object.fromEntries(
      definition.mounts.flatMap((mount) =>
        mount.type === "tmpfs" ? [[mount.destination, mount.options.join(",")]] : [],
      ),
    ),
    MaskedPaths: hidden ? maskedPaths : [],
    ReadonlyPaths: hidden ? readonlyPaths : [],
  };
}

function canonical(names: readonly string[]): string[] {
  const full = names
    .map((name) => name.toUpperCase())
    .map((name) => (name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`));
  return full.includes("ALL") ? full : capabilitiesOf({ add: full, drop: ["ALL"], privileged: false }, full);
}

function sharingText(sharing: Sharing): string {
  if (typeof sharing === "string") return sharing;
  return "container" in sharing ? `container:${sharing.container}` : `ns:${sharing.path}`;
}

function usernsText(user: NamespaceRequest["user"]): string {
  if (user === "host") return "";
  return typeof user === "object" && ("container" in user || "path" in user) ? sharingText(user) : "private";
}

/** As podman prints them: "container:host:size". */
function idMappingsOf({ uid, gid }: IdMaps) {
  const texts = (maps: IdMaps["uid"]) =>
    maps.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`);
  return { UidMap: texts(uid), GidMap: texts(gid) };
}

function securityOptions(security: ContainerRequest["security"]): string[] | null {
  const options = [
    ...(security.noNewPrivileges ? ["no-new-privileges"] : []),
    ...(security.seccomp === "default" ? [] : [`seccomp=${security.seccomp}`]),
    ...(security.apparmor === undefined ? [] : [`apparmor=${security.apparmor}`]),
    ...security.labels.map((label) => `label=${label}`),
    ...(security.systemPaths === "unconfined" ? ["systempaths=unconfined"] : []),
  ];
  return options.length > 0 ? options : null;
}

function bindText(mount: ResolvedMount): string[] {
  const { destination, readonly } = mount;
  if (mount.type === "bind") return [`${mount.source}:${destination}${readonly ? ":ro" : ""}`];
  if (mount.type === "volume" && !mount.anonymous)
    return [`${mount.name}:${destination}${readonly ? ":ro" : ""}`];
  return [];
}

function mountOf(mount: ResolvedMount) {
  const { type, destination, readonly } = mount;
  return {
    Type: type,
    ...(type === "volume" && { Name: mount.name }),
    Source: type === "bind" || type === "volume" ? mount.source : type === "image" ? mount.image : "",
    Destination: destination,
    ...(type === "volume" && { Driver: "local" }),
    Mode: readonly ? "ro" : "",
    RW: !readonly,
    Propagation: type === "bind" ? mount.propagation : "",
  };
}

async function lowersOf(
  context: EngineContext,
  { id, definition, request }: ContainerRecord,
): Promise<string> {
  if (request.rootfs !== undefined) return request.rootfs;
  try {
    const snapshots = await context.snapshots();
    return [join(context.layout.container(id), "init"), ...snapshots.lowers(definition.image?.top)].join(":");
  } catch {
    return "";
  }
}

/** What it has written, and that with its image. */
export async function sizesOf(context: EngineContext, { id, definition, request }: ContainerRecord) {
  if (request.rootfs !== undefined) return { SizeRw: 0, SizeRootFs: 0 };
  const snapshots = await context.snapshots();
  const { bytes } = await snapshots.usage(snapshots.writable({ directory: context.layout.container(id) }));
  const image = snapshots.chain(definition.image?.top).reduce((sum, layer) => sum + layer.bytes, 0);
  return { SizeRw: bytes, SizeRootFs: bytes + image };
}
