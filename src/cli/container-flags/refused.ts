/** Flags of docker and podman that runt has not: what to do instead is a better answer than that nobody knows them. */
import type { OptionSpecs, OptionValues } from "../option.ts";
import { flagError } from "./flag-error.ts";

const hidden = { summary: "not supported", hidden: true } as const;

export const refusedOptions = {
  link: { type: "strings", value: "container", ...hidden },
  linkLocalIp: { type: "strings", value: "ip", ...hidden },
  volumeDriver: { type: "string", value: "driver", ...hidden },
  storageOpt: { type: "strings", value: "option", ...hidden },
  isolation: { type: "string", value: "technology", ...hidden },
  blkioWeightDevice: { type: "strings", value: "path:weight", ...hidden },
  cpuRtPeriod: { type: "string", value: "µs", ...hidden },
  cpuRtRuntime: { type: "string", value: "µs", ...hidden },
  kernelMemory: { type: "string", value: "size", ...hidden },
  memorySwappiness: { type: "string", value: "number", ...hidden },
  oomKillDisable: { type: "boolean", ...hidden },
  disableContentTrust: { type: "boolean", ...hidden },
  useApiSocket: { type: "boolean", ...hidden },
} as const satisfies OptionSpecs;

/** Without effect, where what it asks for is what we do anyway or what cgroup v2 has not. */
const harmless: Readonly<Record<string, string>> = {
  memorySwappiness: "--memory-swappiness has no effect: cgroup v2 has no such thing",
  oomKillDisable: "--oom-kill-disable has no effect: cgroup v2 has no such thing",
  kernelMemory: "--kernel-memory has no effect: cgroup v2 has no such thing",
};

const why: Readonly<Record<string, readonly [flag: string, why: string]>> = {
  link: ["--link", "not supported: containers of one network find each other by name"],
  linkLocalIp: ["--link-local-ip", "not supported"],
  storageOpt: ["--storage-opt", "not supported"],
  blkioWeightDevice: ["--blkio-weight-device", "not supported: see --cgroup-conf io.bfq.weight"],
  cpuRtPeriod: ["--cpu-rt-period", "not supported: cgroup v2 has no such thing"],
  cpuRtRuntime: ["--cpu-rt-runtime", "not supported: cgroup v2 has no such thing"],
  useApiSocket: ["--use-api-socket", "not supported: there is no daemon"],
};

/** @throws {RuntError} Unimplemented */
export function refuse(options: OptionValues<typeof refusedOptions>, warn: (message: string) => void): void {
  for (const [key, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    if (harmless[key] !== undefined) {
      if (value !== "-1") warn(harmless[key]);
    } else if (why[key]) {
      const [flag, reason] = why[key];
      throw flagError(flag, value === true ? "true" : String(value), reason, "Unimplemented");
    } else if (key === "volumeDriver" && value !== "local") {
      throw flagError("--volume-driver", String(value), "local is the only one", "Unimplemented");
    } else if (key === "isolation" && value !== "default") {
      throw flagError("--isolation", String(value), "default is the only one", "Unimplemented");
    }
  }
}
