/** `stats`: what containers use, from their cgroups; with what the host has, to say how much that is. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Count } from "../../runtime/cgroup/stats/files.ts";
import { cgroupStats } from "../../runtime/cgroup/stats/stats.ts";
import type { CgroupStats } from "../../runtime/cgroup/stats/types.ts";
import { containerStats } from "../../runtime/container/events.ts";
import type { EngineContext } from "../context.ts";
import type { ListedRecord } from "../store/containers.ts";
import { cgroupOfProcess, isForeign } from "./cgroup.ts";
import { findRecord } from "./find.ts";
import { observe } from "./observe.ts";

/** What was used by then, in all. */
export interface UsageSample {
  readonly id: string;
  readonly name: string;
  /** Undefined: it does not run. */
  readonly usage: Usage | undefined;
}

export interface Usage {
  /** Nanoseconds of processor time that the container has had, and that all processors together have had. */
  readonly cpuNs: number;
  readonly systemNs: number;
  readonly cpus: number;
  /** Bytes without the page cache that could go at once; undefined where nobody counts them. */
  readonly memory: { readonly bytes: number; readonly limit: number } | undefined;
  /** Bytes received and sent. */
  readonly network: { readonly received: number; readonly sent: number };
  /** Bytes from and to disks. */
  readonly block: { readonly read: number; readonly written: number };
  readonly pids: number;
}

/** As people read it. */
export interface UsageRate {
  /** Of one processor. */
  readonly cpuPercent: number;
  readonly memoryPercent: number | undefined;
}

/**
 * A sample of each container: of those named, or of all that run.
 * @param options.all also those that do not run
 * @throws {RuntError} NotFound
 */
export function sampleContainers(
  context: EngineContext,
  texts: readonly string[],
  options: { readonly all?: boolean | undefined } = {},
): UsageSample[] {
  const records =
    texts.length > 0
      ? texts.map((text) => findRecord(context, text, "stats"))
      : context.store.containers
          .list()
          .filter(({ status }) => status !== "creating" && status !== "removing");
  return records
    .map((record) => ({ id: record.id, name: record.name, usage: usageOf(context, record) }))
    .filter(({ usage }) => usage !== undefined || options.all || texts.length > 0);
}

function usageOf(context: EngineContext, record: ListedRecord): Usage | undefined {
  const { status, run } = observe(context, record);
  if ((status !== "running" && status !== "paused") || !run.init) return undefined;
  try {
    const data = isForeign(context, record.id)
      ? statsOfProcess(run.init.pid)
      : (containerStats(context.runtime, record.id).data as CgroupStats);
    return usageFrom(data, {
      stat: readFileSync("/proc/stat", "latin1"),
      meminfo: readFileSync("/proc/meminfo", "latin1"),
      netDev: record.summary.networks.includes("host")
        ? ""
        : readFileSync(`/proc/${run.init.pid}/net/dev`, "latin1"),
      cpus: availableParallelism(),
    });
  } catch {
    return undefined; // it has just ended
  }
}

function statsOfProcess(pid: number): CgroupStats {
  using cgroup = cgroupOfProcess(pid);
  return cgroupStats(cgroup);
}

/** Texts of /proc. */
export interface HostFigures {
  readonly stat: string;
  readonly meminfo: string;
  /** Of one of the container's processes; "" where its network is the host's. */
  readonly netDev: string;
  readonly cpus: number;
}

/** USER_HZ, which is 100 on every architecture that Node runs on. */
const tickNs = 1e9 / 100;

export function usageFrom(stats: CgroupStats, host: HostFigures): Usage {
  const usage = stats.memory.usage;
  const total = Number(/^MemTotal:\s+(\d+) kB/m.exec(host.meminfo)?.[1] ?? 0) * 1024;
  const inactive = numberOf(stats.memory.raw?.inactive_file);
  const used = numberOf(usage?.usage);
  return {
    cpuNs: numberOf(stats.cpu.usage?.total),
    systemNs: systemNs(host.stat),
    cpus: host.cpus,
    memory: usage && {
      bytes: inactive < used ? used - inactive : used,
      limit: Math.min(numberOf(usage.limit), total),
    },
    network: trafficOf(host.netDev),
    block: {
      read: sumOf(stats, "Read"),
      written: sumOf(stats, "Write"),
    },
    pids: numberOf(stats.pids.current),
  };
}

function numberOf(count: Count | undefined): number {
  return Number(count ?? 0);
}

/** All that the processors have done or not done. @see proc_stat(5) */
function systemNs(stat: string): number {
  const line = stat.slice(0, stat.indexOf("\n"));
  // What guests have had is in the first two already.
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return ticks.reduce((sum, n) => sum + n, 0) * tickNs;
}

/** Of all interfaces but `lo`. @see proc_net(5) */
function trafficOf(text: string): Usage["network"] {
  let [received, sent] = [0, 0];
  for (const line of text.split("\n")) {
    const [name, figures] = line.split(":", 2);
    if (figures === undefined || name!.trim() === "lo") continue;
    const numbers = figures.trim().split(/\s+/).map(Number);
    received += numbers[0] ?? 0;
    sent += numbers[8] ?? 0;
  }
  return { received, sent };
}

function sumOf({ blkio }: CgroupStats, op: string): number {
  const entries = blkio.ioServiceBytesRecursive ?? [];
  return entries.reduce((sum, entry) => sum + (entry.op === op ? numberOf(entry.value) : 0), 0);
}

/** Between two samples of one container; undefined where it has been started anew between them. */
export function rateBetween(before: Usage | undefined, after: Usage): UsageRate {
  const cpu = before ? after.cpuNs - before.cpuNs : 0;
  const system = before ? after.systemNs - before.systemNs : 0;
  const { memory } = after;
  return {
    cpuPercent: cpu > 0 && system > 0 ? (cpu / system) * after.cpus * 100 : 0,
    memoryPercent: memory && memory.limit > 0 ? (memory.bytes / memory.limit) * 100 : undefined,
  };
}
