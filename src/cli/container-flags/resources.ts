/** Limits of a container as flags, for `run`, `create` and `update`. @see docker run, "Runtime constraints on resources" */
import type { ResourceRequest } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";
import { bytesOf, bytesOrUnlimited, wholeNumber } from "./quantity.ts";

const group = "Limits";

/** Those that can be changed while it runs. */
export const changeableOptions = {
  memory: { type: "string", short: "m", value: "size", group, summary: "memory: 512m, 2g" },
  memorySwap: {
    type: "string",
    value: "size",
    group,
    summary: "memory and swap together; -1: any amount of swap",
  },
  memoryReservation: {
    type: "string",
    value: "size",
    group,
    summary: "memory that is taken from others first",
  },
  cpus: { type: "string", value: "number", group, summary: "processors, 1.5 say" },
  cpuShares: {
    type: "string",
    short: "c",
    value: "number",
    group,
    summary: "weight against others, 1024 is usual",
  },
  cpuPeriod: { type: "string", value: "µs", group, summary: "period of --cpu-quota" },
  cpuQuota: { type: "string", value: "µs", group, summary: "processor time in each period" },
  cpusetCpus: { type: "string", value: "list", group, summary: "processors that it may run on: 0-3,5" },
  cpusetMems: { type: "string", value: "list", group, summary: "memory nodes that it may use" },
  pidsLimit: { type: "string", value: "number", group, summary: "processes and threads; -1: any number" },
  blkioWeight: { type: "string", value: "number", group, summary: "weight of its block I/O, 10 to 1000" },
} as const satisfies OptionSpecs;

export const resourceOptions = {
  ...changeableOptions,
  deviceReadBps: { type: "strings", value: "path:size", group, summary: "bytes a second read from a device" },
  deviceWriteBps: {
    type: "strings",
    value: "path:size",
    group,
    summary: "bytes a second written to a device",
  },
  deviceReadIops: { type: "strings", value: "path:number", group, summary: "reads a second from a device" },
  deviceWriteIops: { type: "strings", value: "path:number", group, summary: "writes a second to a device" },
  cgroupConf: {
    type: "strings",
    value: "file=value",
    group,
    summary: "what is written to a file of its cgroup",
  },
  cgroupParent: { type: "string", value: "path", group, summary: "the cgroup that its own is made in" },
  oomScoreAdj: {
    type: "string",
    value: "number",
    group,
    summary: "how soon it is killed for want of memory, -1000 to 1000",
  },
} as const satisfies OptionSpecs;

type Changeable = Omit<ResourceRequest, "blkio" | "unified" | "oomScoreAdj" | "cgroupParent">;

/** @throws {RuntError} InvalidArgument */
export function resourcesOf(options: OptionValues<typeof resourceOptions>): ResourceRequest {
  const { oomScoreAdj, cgroupParent, cgroupConf } = options;
  return {
    ...changeableOf(options),
    blkio: [
      ...throttles("--device-read-bps", options.deviceReadBps, "readBps"),
      ...throttles("--device-write-bps", options.deviceWriteBps, "writeBps"),
      ...throttles("--device-read-iops", options.deviceReadIops, "readIops"),
      ...throttles("--device-write-iops", options.deviceWriteIops, "writeIops"),
    ],
    unified: Object.fromEntries(cgroupConf.map(unified)),
    oomScoreAdj:
      oomScoreAdj === undefined ? undefined : wholeNumber("--oom-score-adj", oomScoreAdj, -1000, 1000),
    cgroupParent: cgroupParent || undefined,
  };
}

/** @throws {RuntError} InvalidArgument */
export function changeableOf(options: OptionValues<typeof changeableOptions>): Changeable {
  const { memory, memorySwap, memoryReservation, cpus, pidsLimit } = options;
  const number = (flag: string, text: string | undefined, least: number, most?: number) => {
    const value = text === undefined ? 0 : wholeNumber(flag, text, 0, most);
    if (value !== 0 && value < least) throw flagError(flag, text!, `less than ${least}`);
    // 0 is docker's word for "not said".
    return value === 0 ? undefined : value;
  };
  const cpuPeriodUs = number("--cpu-period", options.cpuPeriod, 1000, 1_000_000);
  const cpuQuotaUs = options.cpuQuota === "-1" ? undefined : number("--cpu-quota", options.cpuQuota, 1000);
  return {
    memory: memory === undefined ? undefined : bytesOf("--memory", memory) || undefined,
    memorySwap:
      memorySwap === undefined ? undefined : bytesOrUnlimited("--memory-swap", memorySwap) || undefined,
    memoryReservation:
      memoryReservation === undefined
        ? undefined
        : bytesOf("--memory-reservation", memoryReservation) || undefined,
    cpus: cpus === undefined ? undefined : processors(cpus),
    cpuPeriodUs,
    cpuQuotaUs,
    cpuShares: number("--cpu-shares", options.cpuShares, 2, 262_144),
    cpusetCpus: cpuList("--cpuset-cpus", options.cpusetCpus),
    cpusetMems: cpuList("--cpuset-mems", options.cpusetMems),
    pids: pidsLimit === undefined ? undefined : wholeNumber("--pids-limit", pidsLimit, -1) || -1,
    blkioWeight: number("--blkio-weight", options.blkioWeight, 10, 1000),
  };
}

function processors(text: string): number | undefined {
  const value = Number(text);
  if (!/^\d*\.?\d+$|^\d+\.$/.test(text)) throw flagError("--cpus", text, "not a number of processors");
  if (value !== 0 && value < 0.01) throw flagError("--cpus", text, "less than 0.01");
  return value === 0 ? undefined : value;
}

function cpuList(flag: string, text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) throw flagError(flag, text, 'not a list like "0-3,5"');
  return text;
}

function throttles(
  flag: string,
  texts: readonly string[],
  kind: ResourceRequest["blkio"][number]["kind"],
): ResourceRequest["blkio"] {
  return texts.map((text) => {
    const [path, rate] = cut(text, ":");
    if (!path.startsWith("/dev/")) throw flagError(flag, text, "not <device below /dev>:<rate>");
    const what = kind.endsWith("Bps") ? bytesOf(flag, rate ?? "") : wholeNumber(flag, rate ?? "", 0);
    return { path, rate: what, kind };
  });
}

function unified(text: string): [file: string, value: string] {
  const [file, value] = cut(text);
  if (!/^[a-z][\w.-]*\.[\w.-]+$/.test(file) || value === undefined) {
    throw flagError("--cgroup-conf", text, 'not <file>=<value>, as in "memory.high=100000000"');
  }
  return [file, value];
}
