/** `linux.resources.cpu` → cpu.idle, cpu.weight, cpu.max, cpu.max.burst. */
import type { JsonPath } from "../../../spec/runtime/document-error.ts";
import type { LinuxCPU } from "../../../spec/runtime/resources.ts";
import { type ResourceWrite, write } from "./write.ts";

const at = (property: keyof LinuxCPU): JsonPath => ["linux", "resources", "cpu", property];

const defaultWeight = 100;
/** Microseconds. @see Linux Documentation/admin-guide/cgroup-v2.rst, cpu.max */
const defaultPeriodUs = 100_000;

export function cpuWrites(cpu: LinuxCPU): ResourceWrite[] {
  const writes: ResourceWrite[] = [];
  if (cpu.idle !== undefined) {
    writes.push(write("cpu.idle", cpu.idle, at("idle"), { noop: cpu.idle === 0 }));
  }
  const weight = cpuWeight(cpu.shares ?? 0);
  // An idle cgroup has no weight; the kernel refuses to set one.
  if (weight !== undefined && cpu.idle !== 1) {
    writes.push(write("cpu.weight", weight, at("shares"), { noop: weight === defaultWeight }));
  }
  return [...writes, ...bandwidthWrites(cpu)];
}

function bandwidthWrites({ quota = 0, period = 0, burst }: LinuxCPU): ResourceWrite[] {
  const max = quota !== 0 || period !== 0;
  const writes: ResourceWrite[] = [];
  if (burst !== undefined) {
    // More burst than the old quota is refused, and so is a quota below the old burst: with both to set, the
    // burst is tried on either side of the quota.
    const ignore = max ? ["EINVAL"] : [];
    writes.push(write("cpu.max.burst", burst, at("burst"), { ignore, noop: burst === 0 }));
  }
  if (!max) return writes;
  const value = `${quota > 0 ? quota : "max"} ${period || defaultPeriodUs}`;
  writes.push(write("cpu.max", value, at(quota === 0 ? "period" : "quota"), { noop: quota <= 0 }));
  if (burst !== undefined) {
    writes.push(write("cpu.max.burst", burst, at("burst"), { noop: burst === 0 }));
  }
  return writes;
}

/**
 * cpu.weight for v1 shares. The curve goes through (2, 1), (1024, 100) and (262144, 10000), so that the least,
 * the usual and the greatest value of either scale mean the same.
 * @returns undefined for 0, which is "not set"
 */
export function cpuWeight(shares: number): number | undefined {
  if (shares === 0) return undefined;
  if (shares <= 2) return 1;
  if (shares >= 262_144) return 10_000;
  const l = Math.log2(shares);
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

export function cpusetWrites({ cpus, mems }: LinuxCPU): ResourceWrite[] {
  const writes: ResourceWrite[] = [];
  if (cpus) writes.push(write("cpuset.cpus", cpus, at("cpus")));
  if (mems) writes.push(write("cpuset.mems", mems, at("mems")));
  return writes;
}
