/** The platform of this machine, with the variant that its processor is. */
import { readFileSync } from "node:fs";
import type { Platform } from "../../spec/image/platform.ts";
import { normalisePlatform } from "./platform.ts";

const architectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  ia32: "386",
  ppc64: "ppc64le",
  mipsel: "mipsle",
};

/** Processor flags that each level of x86-64 adds to the one below, as /proc/cpuinfo names them. */
const levels: readonly (readonly [variant: string, flags: readonly string[]])[] = [
  ["v2", ["cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"]],
  ["v3", ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"]],
  ["v4", ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]],
];

/** The variant of amd64 that a processor with these flags is: v1 to v4. @see x86-64 psABI, microarchitecture levels */
export function amd64Level(flags: ReadonlySet<string>): string {
  let level = "v1";
  for (const [variant, needed] of levels) {
    if (!needed.every((flag) => flags.has(flag))) break;
    level = variant;
  }
  return level;
}

function cpuInfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "latin1");
  } catch {
    return "";
  }
}

function variantOf(architecture: string): string | undefined {
  if (architecture === "amd64") {
    const flags = /^flags\s*:\s*(.*)$/m.exec(cpuInfo())?.[1] ?? "";
    return amd64Level(new Set(flags.split(" ")));
  }
  if (architecture !== "arm") return undefined;
  const version = Number(/^CPU architecture\s*:\s*(\d+)/m.exec(cpuInfo())?.[1] ?? "7");
  // A processor of version 8 that runs 32-bit programs runs those of version 7.
  return `v${Math.min(Math.max(version, 5), 7)}`;
}

let known: Platform | undefined;

/** This machine. */
export function hostPlatform(): Platform {
  if (known === undefined) {
    const architecture = architectures[process.arch] ?? process.arch;
    const variant = variantOf(architecture);
    known = normalisePlatform({ os: "linux", architecture, ...(variant === undefined ? {} : { variant }) });
  }
  return known;
}
