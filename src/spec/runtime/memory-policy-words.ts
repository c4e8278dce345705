/** The words of `linux.memoryPolicy`. @see set_mempolicy(2) */

/** Modes, with the numbers of `<linux/mempolicy.h>`. */
export const MEMORY_POLICY_MODES = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
} as const;
export type MemoryPolicyMode = keyof typeof MEMORY_POLICY_MODES;

/** Mode flags, with the bits of `<linux/mempolicy.h>`. */
export const MEMORY_POLICY_FLAGS = {
  MPOL_F_NUMA_BALANCING: 1 << 13,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_STATIC_NODES: 1 << 15,
} as const;
export type MemoryPolicyFlag = keyof typeof MEMORY_POLICY_FLAGS;
