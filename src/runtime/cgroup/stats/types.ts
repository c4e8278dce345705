/**
 * What `events --stats` says of a container: names, units and presence of properties are runc's, to which
 * containerd and others read it. Values that are zero are mostly absent.
 */
import type { Count, Pressure } from "./files.ts";

export interface CpuStats {
  /** Nanoseconds. Per CPU there are no figures under cgroup v2. */
  usage?: { total?: Count; kernel: Count; user: Count };
  /** `throttledTime` in nanoseconds. */
  throttling?: { periods?: Count; throttledPeriods?: Count; throttledTime?: Count };
  psi?: Pressure;
}

/** cgroup v1's cpuset files; all zero here. */
export interface CpusetStats {
  cpu_exclusive: 0;
  mem_hardwall: 0;
  mem_exclusive: 0;
  memory_migrate: 0;
  memory_spread_page: 0;
  memory_spread_slab: 0;
  memory_pressure: 0;
  sched_load_balance: 0;
  sched_relax_domain_level: 0;
}

/** Bytes; a limit of 2⁶⁴−1 is none. */
export interface MemoryEntry {
  limit: Count;
  usage?: Count;
  max?: Count;
  failcnt: Count;
}

export interface MemoryStats {
  /** Page cache. */
  cache?: Count;
  usage?: MemoryEntry;
  /** Memory and swap together, as cgroup v1 counted. */
  swap?: MemoryEntry;
  /** memory.stat as it is. */
  raw?: Record<string, Count>;
  psi?: Pressure;
}

/** `limit` is absent where there is none. */
export interface PidsStats {
  current?: Count;
  limit?: Count;
}

export interface BlkioEntry {
  major?: number;
  minor?: number;
  op?: string;
  value?: Count;
}

export interface BlkioStats {
  ioServiceBytesRecursive?: BlkioEntry[];
  ioServicedRecursive?: BlkioEntry[];
  psi?: Pressure;
}

export interface HugetlbStats {
  usage?: Count;
  max?: Count;
  failcnt: Count;
}

/** The `data` of a "stats" event. */
export interface CgroupStats {
  cpu: CpuStats;
  cpuset: CpusetStats;
  memory: MemoryStats;
  pids: PidsStats;
  blkio: BlkioStats;
  /** By page size: "2MB". */
  hugetlb: Record<string, HugetlbStats>;
  intel_rdt: Record<string, never>;
  /** Of interfaces that the runtime made itself, which is none. */
  network_interfaces: null;
}
