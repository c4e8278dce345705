/** Reads the statistics of a cgroup. */
import { readdirSync } from "node:fs";
import type { Cgroup } from "../cgroup.ts";
import { type Count, count, flatKeyed, nestedKeyed, plus, pressure, unlimited } from "./files.ts";
import type {
  BlkioEntry,
  BlkioStats,
  CgroupStats,
  CpuStats,
  HugetlbStats,
  MemoryEntry,
  MemoryStats,
  PidsStats,
} from "./types.ts";

/**
 * All statistics there are; what belongs to a missing controller is absent.
 * @throws {SystemError} ENOENT where there is no such cgroup
 */
export function cgroupStats(cgroup: Cgroup): CgroupStats {
  return {
    cpu: cpuStats(cgroup),
    cpuset: {
      cpu_exclusive: 0,
      mem_hardwall: 0,
      mem_exclusive: 0,
      memory_migrate: 0,
      memory_spread_page: 0,
      memory_spread_slab: 0,
      memory_pressure: 0,
      sched_load_balance: 0,
      sched_relax_domain_level: 0,
    },
    memory: memoryStats(cgroup),
    pids: pidsStats(cgroup),
    blkio: blkioStats(cgroup),
    hugetlb: hugetlbStats(cgroup),
    intel_rdt: {},
    network_interfaces: null,
  };
}

/** A statistics object or event as JSON, with numbers beyond 2⁵³ in full. */
export function statsJson(value: unknown): string {
  // The type library does not know JSON.rawJSON yet.
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  return JSON.stringify(value, (_, each) => (typeof each === "bigint" ? rawJSON(String(each)) : each));
}

/** The properties that are neither zero nor absent. */
function nonZero<T extends Record<string, Count | undefined>>(values: T): { [K in keyof T]?: Count } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value)) as {
    [K in keyof T]?: Count;
  };
}

function withPressure<T extends object>(stats: T, cgroup: Cgroup, file: string): T {
  const psi = pressure(readPressure(cgroup, file));
  return psi ? { ...stats, psi } : stats;
}

function readPressure(cgroup: Cgroup, file: string): string | undefined {
  try {
    return cgroup.readIfAny(file);
  } catch {
    // Kernels that want psi=1 on their command line have the file and refuse to read it.
    return undefined;
  }
}

function nanoseconds(microseconds: Count | undefined): Count {
  return count(String(BigInt(microseconds ?? 0) * 1000n));
}

function cpuStats(cgroup: Cgroup): CpuStats {
  const stat = flatKeyed(cgroup.read("cpu.stat"));
  const total = nanoseconds(stat.usage_usec);
  const kernel = nanoseconds(stat.system_usec);
  const user = nanoseconds(stat.user_usec);
  const throttling = nonZero({
    periods: stat.nr_periods,
    throttledPeriods: stat.nr_throttled,
    throttledTime: nanoseconds(stat.throttled_usec),
  });
  const stats: CpuStats = {};
  if (total || kernel || user) stats.usage = { ...nonZero({ total }), kernel, user };
  if (Object.keys(throttling).length > 0) stats.throttling = throttling;
  return withPressure(stats, cgroup, "cpu.pressure");
}

function memoryStats(cgroup: Cgroup): MemoryStats {
  const stat = cgroup.readIfAny("memory.stat");
  const memory = memoryEntry(cgroup, "memory");
  if (stat === undefined || !memory) return withPressure({}, cgroup, "memory.pressure");
  const raw = flatKeyed(stat);
  const swapOnly = memoryEntry(cgroup, "memory.swap") ?? { limit: 0, failcnt: 0 };
  // cgroup v1 counted swap on top of memory, and v1 is what the readers of these figures expect. The highest
  // values were not reached at the same time, so that their sum would mean nothing.
  const swap = entry(
    plus(swapOnly.usage ?? 0, memory.usage ?? 0),
    [swapOnly.limit, memory.limit].includes(unlimited) ? unlimited : plus(swapOnly.limit, memory.limit),
  );
  const stats = { ...nonZero({ cache: raw.file }), usage: memory, swap, raw };
  return withPressure(stats, cgroup, "memory.pressure");
}

function memoryEntry(cgroup: Cgroup, prefix: string): MemoryEntry | undefined {
  const usage = cgroup.readIfAny(`${prefix}.current`);
  const limit = cgroup.readIfAny(`${prefix}.max`);
  if (usage === undefined || limit === undefined) return undefined;
  return entry(count(usage), count(limit), count(cgroup.readIfAny(`${prefix}.peak`) ?? "0"));
}

function entry(usage: Count, limit: Count, max: Count = 0): MemoryEntry {
  return { limit, ...nonZero({ usage, max }), failcnt: 0 };
}

function pidsStats(cgroup: Cgroup): PidsStats {
  const current = cgroup.readIfAny("pids.current");
  if (current === undefined) return nonZero({ current: cgroup.processes().length });
  const max = count(cgroup.readIfAny("pids.max") ?? "max");
  return nonZero({ current: count(current), limit: max === unlimited ? 0 : max });
}

const ioTables = {
  rbytes: ["ioServiceBytesRecursive", "Read"],
  wbytes: ["ioServiceBytesRecursive", "Write"],
  rios: ["ioServicedRecursive", "Read"],
  wios: ["ioServicedRecursive", "Write"],
} as const;

function blkioStats(cgroup: Cgroup): BlkioStats {
  const stats: BlkioStats = {};
  for (const { key, values } of nestedKeyed(cgroup.readIfAny("io.stat") ?? "")) {
    const [major, minor] = key.split(":").map(Number);
    for (const [name, value] of values) {
      const table = ioTables[name as keyof typeof ioTables];
      if (!table || major === undefined || minor === undefined) continue;
      const amount = count(value);
      const line: BlkioEntry = {
        ...(major && { major }),
        ...(minor && { minor }),
        op: table[1],
        ...(amount && { value: amount }),
      };
      stats[table[0]] ??= [];
      stats[table[0]]?.push(line);
    }
  }
  return withPressure(stats, cgroup, "io.pressure");
}

let pageSizes: readonly string[] | undefined;

/** The huge page sizes of this machine, as in the names of hugetlb files: "2MB", "1GB". */
function hugePageSizes(): readonly string[] {
  pageSizes ??= listHugePages().flatMap((name) => {
    const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    if (!kilobytes) return [];
    if (kilobytes >= 2 ** 20) return [`${kilobytes / 2 ** 20}GB`];
    return [kilobytes >= 2 ** 10 ? `${kilobytes / 2 ** 10}MB` : `${kilobytes}KB`];
  });
  return pageSizes;
}

function listHugePages(): string[] {
  try {
    return readdirSync("/sys/kernel/mm/hugepages");
  } catch {
    return [];
  }
}

function hugetlbStats(cgroup: Cgroup): Record<string, HugetlbStats> {
  const stats: Record<string, HugetlbStats> = {};
  for (const size of hugePageSizes()) {
    const file = `hugetlb.${size}`;
    const current = cgroup.readIfAny(`${file}.rsvd.current`) ?? cgroup.readIfAny(`${file}.current`);
    if (current === undefined) continue;
    stats[size] = {
      ...nonZero({ usage: count(current) }),
      failcnt: cgroup.field(`${file}.events`, "max") ?? 0,
    };
  }
  return stats;
}
