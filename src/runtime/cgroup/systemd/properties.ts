/**
 * Limits as properties of a systemd unit, so that systemd, which owns the cgroup, does not undo them. What it
 * has no property for, or is too old to have one for, is written to the cgroup files alone.
 *
 * @see systemd.resource-control(5), org.freedesktop.systemd1(5)
 */
import type { DBusValue, Variant } from "../../../linux/dbus-wire.ts";
import { invalid, type Origin } from "../../../spec/runtime/document-error.ts";
import type { LinuxResources } from "../../../spec/runtime/resources.ts";
import { ioWeight } from "../limits/block-io.ts";
import { cpuWeight } from "../limits/cpu.ts";
import { swapMax } from "../limits/memory.ts";
import { cpuMask } from "./cpu-mask.ts";
import { unifiedProperties } from "./unified-properties.ts";

/** A unit property as D-Bus carries it. */
export type Property = readonly [name: string, value: Variant];

/** Versions that brought a property. */
export const since = {
  CPUQuotaPeriodUSec: 242,
  AllowedCPUs: 244,
  CPUWeightIdle: 252,
  scopeOOMPolicy: 253,
} as const;

/** "infinity". */
export const infinity = 2n ** 64n - 1n;
/** Microseconds. */
export const defaultPeriodUs = 100_000;

export function property(name: string, signature: string, value: DBusValue): Property {
  return [name, { signature, value }];
}

/** A limit of 64 bits; -1 is "infinity". */
export function limit(name: string, value: number | bigint): Property {
  return property(name, "t", BigInt(value) < 0n ? infinity : BigInt(value));
}

/**
 * The properties for `resources`, but for devices.
 * @param version of systemd: 252
 * @throws {RuntError} InvalidArgument for what could not be written to the cgroup either
 */
export function resourceProperties(resources: LinuxResources, version: number, origin: Origin): Property[] {
  return [
    ...memoryProperties(resources, origin),
    ...cpuProperties(resources, version),
    ...pidsProperties(resources),
    ...cpusetProperties(resources, version, origin),
    ...ioProperties(resources),
    ...unifiedProperties(resources.unified, version, origin),
  ];
}

function memoryProperties({ memory }: LinuxResources, origin: Origin): Property[] {
  const properties: Property[] = [];
  const swap = swapMax(memory, origin);
  if (BigInt(memory.limit ?? 0) !== 0n) properties.push(limit("MemoryMax", memory.limit ?? 0));
  if (BigInt(memory.reservation ?? 0) !== 0n) properties.push(limit("MemoryLow", memory.reservation ?? 0));
  if (swap !== undefined) properties.push(limit("MemorySwapMax", swap === "max" ? -1 : BigInt(swap)));
  return properties;
}

function cpuProperties({ cpu }: LinuxResources, version: number): Property[] {
  const properties: Property[] = [];
  const weight = cpuWeight(cpu.shares ?? 0);
  if (cpu.idle === 1) {
    // A weight of 0 is how systemd says idle.
    if (version >= since.CPUWeightIdle) properties.push(property("CPUWeight", "t", 0n));
  } else if (weight !== undefined) {
    properties.push(property("CPUWeight", "t", BigInt(weight)));
  }
  return [...properties, ...quotaProperties(cpu.quota ?? 0, cpu.period ?? 0, version)];
}

/** @param periodUs 0 is not set */
export function quotaProperties(quotaUs: number, periodUs: number, version: number): Property[] {
  if (quotaUs === 0 && periodUs === 0) return [];
  const properties: Property[] = [];
  if (periodUs !== 0 && version >= since.CPUQuotaPeriodUSec) {
    properties.push(property("CPUQuotaPeriodUSec", "t", BigInt(periodUs)));
  }
  const perSecond = quotaUs > 0 ? quotaPerSecond(quotaUs, periodUs || defaultPeriodUs) : infinity;
  return [...properties, property("CPUQuotaPerSecUSec", "t", perSecond)];
}

/** systemd counts whole percents of a CPU. Rounded up, so that nobody gets less than was asked for. */
function quotaPerSecond(quotaUs: number, periodUs: number): bigint {
  const percent = 10_000n;
  const exact = (BigInt(quotaUs) * 1_000_000n) / BigInt(periodUs);
  return ((exact + percent - 1n) / percent) * percent;
}

/** The same resources with the CPU quota as systemd will round it, so that it and we write the same. */
export function withRoundedQuota(resources: LinuxResources): LinuxResources {
  const { quota = 0, period = 0 } = resources.cpu;
  if (quota <= 0) return resources;
  const periodUs = period || defaultPeriodUs;
  const rounded = Number((quotaPerSecond(quota, periodUs) * BigInt(periodUs)) / 1_000_000n);
  return { ...resources, cpu: { ...resources.cpu, quota: Math.max(rounded, quota) } };
}

/** systemd refuses a limit of no tasks. */
function pidsProperties({ pids }: LinuxResources): Property[] {
  return pids.limit === undefined ? [] : [limit("TasksMax", pids.limit === 0 ? 1 : pids.limit)];
}

function cpusetProperties({ cpu }: LinuxResources, version: number, origin: Origin): Property[] {
  if (version < since.AllowedCPUs) return [];
  const properties: Property[] = [];
  for (const [name, key] of [
    ["AllowedCPUs", "cpus"],
    ["AllowedMemoryNodes", "mems"],
  ] as const) {
    const list = cpu[key];
    if (!list) continue;
    const mask = cpuMask(list);
    if (!mask)
      throw invalid(origin, ["linux", "resources", "cpu", key], `not a list of numbers and ranges: ${list}`);
    properties.push(property(name, "ay", mask));
  }
  return properties;
}

function ioProperties({ blockIO }: LinuxResources): Property[] {
  return blockIO.weight === undefined ? [] : [property("IOWeight", "t", BigInt(ioWeight(blockIO.weight)))];
}
