/**
 * The `linux.resources` section: the limits of a container's cgroup. `update --resources` reads it too.
 *
 * The fields keep the units and the meaning of cgroup v1, in which the specification is written: `shares`
 * rather than weight, `swap` as memory plus swap.
 *
 * @see runtime-spec 1.3 config-linux.md#control-groups
 */
import { LinuxBlockIO } from "./block-io.ts";
import {
  boolean,
  int64Number,
  integer,
  limit64,
  nonEmptyText,
  oneOf,
  optionalText,
  readText,
  textMap,
  uint32,
  uint64,
  uint64Number,
} from "./leaves.ts";
import {
  defaulted,
  filled,
  type Infer,
  leaf,
  list,
  mustBe,
  object,
  optional,
  record,
  refuse,
} from "./schema.ts";

const deviceAccess = leaf((value) => {
  const access = readText(value);
  return typeof access === "string" && !/^[rwm]+$/.test(access)
    ? refuse(mustBe('made of "r", "w" and "m"', access))
    : access;
});

/** -1 is any number. */
const deviceNumber = defaulted(integer(-1, 2 ** 32 - 1), () => -1);

/** One rule on which devices may be used; a later rule wins over an earlier one. */
export const LinuxDeviceCgroup = object(() => ({
  allow: boolean,
  /** a: both kinds. */
  type: defaulted(oneOf(["a", "b", "c"]), () => "a" as const),
  major: deviceNumber,
  minor: deviceNumber,
  /** Of r (read), w (write) and m (mknod); never empty. */
  access: deviceAccess,
}));
export type LinuxDeviceCgroup = Infer<typeof LinuxDeviceCgroup>;

const bytes = optional(limit64);

/** Bytes; -1 is unlimited, 0 or absent unset. */
export const LinuxMemory = object(() => ({
  limit: bytes,
  /** Soft limit. */
  reservation: bytes,
  /** Memory plus swap. */
  swap: bytes,
  /** cgroup v1 only. */
  kernel: bytes,
  /** cgroup v1 only. */
  kernelTCP: bytes,
  /** cgroup v1 only. */
  swappiness: optional(integer(0, 200)),
  /** cgroup v1 only. */
  disableOOMKiller: optional(boolean),
  useHierarchy: optional(boolean),
  /** Refuse an update to less than is in use. */
  checkBeforeUpdate: optional(boolean),
}));
export type LinuxMemory = Infer<typeof LinuxMemory>;

const unsigned = optional(uint64Number);
const signed = optional(int64Number);

/** Times are microseconds; 0 or absent is unset. */
export const LinuxCPU = object(() => ({
  /** Relative weight as in cgroup v1: 2 to 262144. */
  shares: unsigned,
  /** CPU time in a period; negative is unlimited. */
  quota: signed,
  /** Unused quota that may be saved up. */
  burst: unsigned,
  period: unsigned,
  /** cgroup v1 only. */
  realtimeRuntime: signed,
  /** cgroup v1 only. */
  realtimePeriod: unsigned,
  /** List of CPUs, as in cpuset.cpus. */
  cpus: optionalText,
  /** List of memory nodes, as in cpuset.mems. */
  mems: optionalText,
  /** 1: runs only when nothing else wants to. */
  idle: optional(integer(0, 1)),
}));
export type LinuxCPU = Infer<typeof LinuxCPU>;

export const LinuxPids = object(() => ({
  /** Most tasks; negative is unlimited. */
  limit: signed,
}));
export type LinuxPids = Infer<typeof LinuxPids>;

const pageSize = leaf((value) => {
  const size = readText(value);
  return typeof size === "string" && !/^[1-9][0-9]*[KMG]B$/.test(size)
    ? refuse(mustBe('a size such as "64KB", "2MB" or "1GB"', size))
    : size;
});

export const LinuxHugepageLimit = object(() => ({
  pageSize,
  /** Bytes. */
  limit: uint64,
}));
export type LinuxHugepageLimit = Infer<typeof LinuxHugepageLimit>;

/** cgroup v1 only. */
export const LinuxInterfacePriority = object(() => ({ name: nonEmptyText, priority: uint32 }));
export type LinuxInterfacePriority = Infer<typeof LinuxInterfacePriority>;

/** cgroup v1 only. */
export const LinuxNetwork = object(() => ({
  classID: optional(uint32),
  priorities: list(LinuxInterfacePriority),
}));
export type LinuxNetwork = Infer<typeof LinuxNetwork>;

/** Limits of one RDMA device; at least one is there once checked. */
export const LinuxRdma = object(() => ({
  hcaHandles: optional(uint32),
  hcaObjects: optional(uint32),
}));
export type LinuxRdma = Infer<typeof LinuxRdma>;

export const LinuxResources = object(() => ({
  devices: list(LinuxDeviceCgroup),
  memory: filled(LinuxMemory),
  cpu: filled(LinuxCPU),
  pids: filled(LinuxPids),
  blockIO: filled(LinuxBlockIO),
  hugepageLimits: list(LinuxHugepageLimit),
  network: optional(LinuxNetwork),
  /** By the name of the RDMA device. */
  rdma: defaulted(record(LinuxRdma), () => ({})),
  /** cgroup v2 files and what to write into them, last of all. */
  unified: textMap,
}));
export type LinuxResources = Infer<typeof LinuxResources>;
