/** The `linux.memoryPolicy` section: NUMA placement. @see runtime-spec 1.3 config-linux.md#memory-policy, set_mempolicy(2) */
import { cpuList } from "./cpu-list.ts";
import { oneOf } from "./leaves.ts";
import {
  MEMORY_POLICY_FLAGS,
  MEMORY_POLICY_MODES,
  type MemoryPolicyFlag,
  type MemoryPolicyMode,
} from "./memory-policy-words.ts";
import { type Infer, list, object } from "./schema.ts";

export const LinuxMemoryPolicy = object(() => ({
  mode: oneOf(Object.keys(MEMORY_POLICY_MODES) as MemoryPolicyMode[]),
  /** List of memory nodes ("0-3,7"). */
  nodes: cpuList,
  flags: list(oneOf(Object.keys(MEMORY_POLICY_FLAGS) as MemoryPolicyFlag[])),
}));
export type LinuxMemoryPolicy = Infer<typeof LinuxMemoryPolicy>;
