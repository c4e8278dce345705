/** `--device`, `--device-cgroup-rule`, `--gpus`. @see docker run --device; Container Device Interface */
import type { DeviceRequest } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { commaList } from "./comma-list.ts";
import { cut } from "./environment.ts";
import { flagError } from "./flag-error.ts";

const group = "Devices";

export const deviceOptions = {
  device: {
    type: "strings",
    value: "host[:container[:rwm]]",
    group,
    summary: "a device of the host, a directory of them, or vendor/class=name (CDI)",
  },
  deviceCgroupRule: {
    type: "strings",
    value: "rule",
    group,
    summary: 'devices that it may use if it has them: "c 42:* rmw"',
  },
  gpus: { type: "string", value: "which", group, summary: 'GPUs by CDI: all, a number, "device=0,1"' },
} as const satisfies OptionSpecs;

/** @throws {RuntError} InvalidArgument */
export function devicesOf({ device, deviceCgroupRule, gpus }: OptionValues<typeof deviceOptions>): {
  devices: DeviceRequest[];
  deviceCgroupRules: string[];
} {
  return {
    devices: [...device.map(parseDevice), ...(gpus === undefined ? [] : parseGpus(gpus))],
    deviceCgroupRules: deviceCgroupRule.map((rule) => {
      if (/^[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(rule)) return rule;
      throw flagError("--device-cgroup-rule", rule, 'not like "c 42:* rmw"');
    }),
  };
}

function parseDevice(text: string): DeviceRequest {
  if (/^[a-z][\w.-]*\/[\w.-]+=[\w.:-]+$/i.test(text)) return cdi(text);
  const parts = text.split(":");
  if (parts.length > 3 || parts.some((part) => part === "")) {
    throw flagError("--device", text, "not host[:container[:rwm]]");
  }
  const [host, second, third] = parts as [string, string | undefined, string | undefined];
  const isMode = second !== undefined && third === undefined && isPermissions(second);
  const container = second === undefined || isMode ? host : second;
  const permissions = third ?? (isMode ? second! : "rwm");
  if (!isPermissions(permissions)) {
    throw flagError(
      "--device",
      text,
      `invalid permissions ${JSON.stringify(permissions)}: some of r, w and m`,
    );
  }
  for (const path of [host, container]) {
    if (!path.startsWith("/")) throw flagError("--device", text, `${JSON.stringify(path)} is not absolute`);
  }
  return { host, container, permissions };
}

/** Each letter once. */
function isPermissions(text: string): boolean {
  return /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
}

function cdi(name: string): DeviceRequest {
  return { host: name, container: name, permissions: "rwm" };
}

/** docker asks a driver for GPUs; we ask for what the vendor has described. */
function parseGpus(text: string): DeviceRequest[] {
  const flag = "--gpus";
  const gpu = (name: string | number) => cdi(`nvidia.com/gpu=${name}`);
  const count = (word: string) => {
    if (word === "all" || word === "-1") return [gpu("all")];
    if (!/^[1-9]\d?$/.test(word)) throw flagError(flag, text, 'not "all", a number, or "device=…"');
    return Array.from({ length: Number(word) }, (_, i) => gpu(i));
  };
  let requests: DeviceRequest[] | undefined;
  for (const field of commaList(flag, text)) {
    const [key, value] = cut(field);
    // A shell has often taken the quotes away: device=0,1
    if (value === undefined && requests && /^[\w-]+$/.test(key)) requests.push(gpu(key));
    else if (value === undefined && /^\d+$|^all$/.test(key)) requests = count(key);
    else if (key === "count" && value !== undefined) requests = count(value);
    else if (key === "device" && value) requests = value.split(",").map(gpu);
    else if (key === "driver" && value === "nvidia") continue;
    else if (key === "capabilities" || key === "options") continue;
    else throw flagError(flag, text, `unexpected ${JSON.stringify(field)}`);
  }
  return requests ?? [gpu("all")];
}
