/** The options of `update` as a `linux.resources` object. */
import { readFileSync } from "node:fs";
import { RuntError } from "../../../errors.ts";
import type { LinuxResources } from "../../../spec/runtime/resources.ts";
import type { OptionSpec } from "../../option.ts";

type Name =
  | "resources"
  | "blkioWeight"
  | "cpuPeriod"
  | "cpuQuota"
  | "cpuBurst"
  | "cpuShare"
  | "cpuRtPeriod"
  | "cpuRtRuntime"
  | "cpusetCpus"
  | "cpusetMems"
  | "cpuIdle"
  | "memory"
  | "memoryReservation"
  | "memorySwap"
  | "kernelMemory"
  | "kernelMemoryTcp"
  | "pidsLimit"
  | "l3CacheSchema"
  | "memBwSchema";

export type ResourceFlags = Readonly<Record<Name, OptionSpec>>;

type Values = { readonly [K in Exclude<Name, "resources" | "blkioWeight" | "pidsLimit">]?: string } & {
  readonly blkioWeight?: number;
  readonly pidsLimit?: number;
};

const operation = "update";
const stdin = 0;

/**
 * Reads a `linux.resources` object from a file, or from stdin for "-".
 * @throws {RuntError} InvalidArgument, naming the place in the object
 */
export async function readResources(path: string): Promise<LinuxResources> {
  const text = readFileSync(path === "-" ? stdin : path, "utf8");
  const { parseDocument } = await import("../../../spec/runtime/parse.ts");
  const { LinuxResources } = await import("../../../spec/runtime/resources.ts");
  return parseDocument(LinuxResources, text, { where: path === "-" ? "stdin" : path, operation });
}

/**
 * The object that the options stand for.
 * @throws {RuntError} InvalidArgument
 */
export async function resourcesOf(values: Values): Promise<LinuxResources> {
  if (values.l3CacheSchema)
    throw new RuntError("Unimplemented", "Intel RDT/CAT: l3 cache schema is not enabled", { operation });
  if (values.memBwSchema) {
    throw new RuntError("Unimplemented", "Intel RDT/MBA: memory bandwidth schema is not enabled", {
      operation,
    });
  }
  const whole = (key: keyof Values & string) => wholeNumber(values, key);
  const size = (key: keyof Values & string) => sizeBytes(values, key);
  const resources = {
    memory: { limit: size("memory"), reservation: size("memoryReservation"), swap: size("memorySwap") },
    cpu: {
      shares: whole("cpuShare"),
      quota: whole("cpuQuota"),
      burst: whole("cpuBurst"),
      period: whole("cpuPeriod"),
      realtimeRuntime: whole("cpuRtRuntime"),
      realtimePeriod: whole("cpuRtPeriod"),
      cpus: values.cpusetCpus,
      mems: values.cpusetMems,
      idle: whole("cpuIdle"),
    },
    pids: { limit: values.pidsLimit },
    blockIO: { weight: values.blkioWeight },
  };
  const { readDocument } = await import("../../../spec/runtime/parse.ts");
  const { LinuxResources } = await import("../../../spec/runtime/resources.ts");
  return readDocument(LinuxResources, resources, { where: "options", operation });
}

const flagName = (key: string) => key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function refuse(key: string, text: string): never {
  const what = `invalid value for ${flagName(key)}: ${JSON.stringify(text)}`;
  throw new RuntError("InvalidArgument", what, { operation });
}

function wholeNumber(values: Values, key: keyof Values & string): number | undefined {
  const text = values[key];
  if (text === undefined || text === "") return undefined;
  return /^-?\d+$/.test(String(text)) ? Number(text) : refuse(key, String(text));
}

const binaryUnits = "kmgtp";

/** "64m", "1.5GiB", "4096", "-1". */
function sizeBytes(values: Values, key: keyof Values & string): number | undefined {
  const text = values[key];
  if (text === undefined || text === "") return undefined;
  if (text === "-1") return -1;
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(String(text));
  if (!match) return refuse(key, String(text));
  const [, count, unit = ""] = match;
  return Math.floor(Number(count) * 1024 ** (unit === "" ? 0 : binaryUnits.indexOf(unit.toLowerCase()) + 1));
}
