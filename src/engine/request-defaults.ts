/** A request with every default filled in: what is left to say is said over it. */
import type { ContainerRequest } from "./request.ts";

/** 64 MiB, as docker. */
const shmSize = 64 << 20;

const defaults: ContainerRequest = {
  image: undefined,
  rootfs: undefined,
  platform: undefined,
  pull: "missing",
  name: undefined,
  command: undefined,
  entrypoint: undefined,
  env: [],
  workingDir: undefined,
  user: undefined,
  groups: [],
  tty: false,
  stdin: "none",
  consoleSize: undefined,
  init: false,
  hostname: undefined,
  domainname: undefined,
  readonlyRootfs: false,
  mounts: [],
  volumesFrom: [],
  shmSize,
  namespaces: { pid: "private", ipc: "private", uts: "private", cgroup: "private", user: "host" },
  network: {
    mode: "bridge",
    networks: [],
    ports: [],
    publishAll: false,
    expose: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
  },
  devices: [],
  deviceCgroupRules: [],
  resources: {
    memory: undefined,
    memorySwap: undefined,
    memoryReservation: undefined,
    cpus: undefined,
    cpuPeriodUs: undefined,
    cpuQuotaUs: undefined,
    cpuShares: undefined,
    cpusetCpus: undefined,
    cpusetMems: undefined,
    pids: undefined,
    blkioWeight: undefined,
    blkio: [],
    unified: {},
    oomScoreAdj: undefined,
    cgroupParent: undefined,
  },
  security: {
    privileged: false,
    capAdd: [],
    capDrop: [],
    noNewPrivileges: false,
    seccomp: "default",
    apparmor: undefined,
    labels: [],
    systemPaths: "hidden",
  },
  ulimits: {},
  sysctls: {},
  restart: { name: "no" },
  health: undefined,
  log: { driver: "file", maxSize: 10 << 20, maxFiles: 3 },
  stopSignal: undefined,
  stopTimeoutSeconds: 10,
  labels: {},
  annotations: {},
  autoRemove: false,
  runtime: undefined,
};

type Nested = "namespaces" | "network" | "resources" | "security" | "log";

/** What may be left out: anything, also of the parts. */
export type RequestChanges = {
  readonly [K in keyof ContainerRequest]?: K extends Nested
    ? Partial<ContainerRequest[K]> | undefined
    : ContainerRequest[K] | undefined;
};

/** `changes` over the defaults; of `namespaces`, `network`, `resources`, `security` and `log` property by property. */
export function requestOf(changes: RequestChanges): ContainerRequest {
  const { namespaces, network, resources, security, log, ...rest } = changes;
  const said = <T extends object>(values: T | undefined): Partial<T> =>
    Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
  return {
    ...defaults,
    ...(said(rest) as Partial<ContainerRequest>),
    namespaces: { ...defaults.namespaces, ...said(namespaces) },
    network: { ...defaults.network, ...said(network) },
    resources: { ...defaults.resources, ...said(resources) },
    security: { ...defaults.security, ...said(security) },
    log: { ...defaults.log, ...said(log) },
  };
}
