/** `linux.resources.unified` as properties of a unit, as far as there are any. */
import { invalid, type Origin } from "../../../spec/runtime/document-error.ts";
import { cpuMask } from "./cpu-mask.ts";
import { defaultPeriodUs, limit, type Property, property, quotaProperties, since } from "./properties.ts";

const limits: Record<string, string> = {
  "memory.high": "MemoryHigh",
  "memory.low": "MemoryLow",
  "memory.max": "MemoryMax",
  "memory.min": "MemoryMin",
  "memory.swap.max": "MemorySwapMax",
  "pids.max": "TasksMax",
};

const masks: Record<string, string> = { "cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes" };

/** @throws {RuntError} InvalidArgument for a value that is not in the form of its file */
export function unifiedProperties(
  unified: Readonly<Record<string, string>>,
  version: number,
  origin: Origin,
): Property[] {
  const idle = unified["cpu.idle"]?.trim() === "1";
  return Object.entries(unified).flatMap(([file, text]): Property[] => {
    const value = text.trim();
    const refuse = (): never => {
      throw invalid(origin, ["linux", "resources", "unified", file], `value invalid: ${value}`);
    };
    const number = (): bigint => (/^\d+$/.test(value) ? BigInt(value) : refuse());
    const limited = limits[file];
    if (limited) {
      if (value === "max") return [limit(limited, -1)];
      // systemd refuses a limit of no tasks.
      return [limit(limited, file === "pids.max" && number() === 0n ? 1 : number())];
    }
    const mask = masks[file];
    if (mask && version >= since.AllowedCPUs) return [property(mask, "ay", cpuMask(value) ?? refuse())];
    if (file === "cpu.idle" && idle && version >= since.CPUWeightIdle)
      return [property("CPUWeight", "t", 0n)];
    if (file === "cpu.weight" && !idle) return [property("CPUWeight", "t", number())];
    if (file === "cpu.max") {
      const [, quota, period] = /^(max|\d+)(?:\s+(\d+))?$/.exec(value) ?? refuse();
      return quotaProperties(quota === "max" ? 0 : Number(quota), Number(period ?? defaultPeriodUs), version);
    }
    return [];
  });
}

/** OOMPolicy, which a scope can be given only when it is started. */
export function oomPolicy(unified: Readonly<Record<string, string>>, version: number): Property[] {
  const group = unified["memory.oom.group"]?.trim();
  if (version < since.scopeOOMPolicy || (group !== "0" && group !== "1")) return [];
  return [property("OOMPolicy", "s", group === "1" ? "kill" : "continue")];
}
