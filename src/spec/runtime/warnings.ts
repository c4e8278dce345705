/** What a configuration says that runt cannot do and may leave undone: each is worth a line in the log. */
import { capabilityNumber } from "./capabilities.ts";
import type { Config } from "./config.ts";
import { formatPath, type JsonPath, show } from "./document-error.ts";

const capabilitySets = ["bounding", "effective", "inheritable", "permitted", "ambient"] as const;
const ignoredMemoryFields = [
  "kernel",
  "kernelTCP",
  "swappiness",
  "disableOOMKiller",
  "useHierarchy",
] as const;

/**
 * Settings that are let through and have no effect, one line each: `process.capabilities.bounding[2]: …`.
 * @see runtime-spec 1.3 runtime.md#warnings
 */
export function warningsOf(config: Config): string[] {
  const warnings: string[] = [];
  const warn = (path: JsonPath, message: string): void => {
    warnings.push(`${formatPath(path)}: ${message}`);
  };
  for (const set of capabilitySets) {
    for (const [i, name] of (config.process.capabilities?.[set] ?? []).entries()) {
      if (capabilityNumber(name) === undefined) {
        warn(["process", "capabilities", set, i], `unknown capability ${show(name)} is ignored`);
      }
    }
  }
  if ((config.linux.personality?.flags ?? []).length > 0) {
    warn(["linux", "personality", "flags"], "personality flags are ignored");
  }
  const { memory } = config.linux.resources;
  for (const field of ignoredMemoryFields) {
    // Callers fill in what stands for "not set".
    if (
      memory[field] !== undefined &&
      memory[field] !== 0 &&
      memory[field] !== false &&
      memory[field] !== -1
    ) {
      warn(["linux", "resources", "memory", field], "is of cgroup v1 only, and ignored");
    }
  }
  return warnings;
}
