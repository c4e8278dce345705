/** `process.scheduler`, `process.ioPriority`, CPU affinity and `linux.memoryPolicy` as the kernel's structs. */

import { parseCpuList } from "../../spec/runtime/cpu-ranges.ts";
import type { LinuxMemoryPolicy } from "../../spec/runtime/memory-policy.ts";
import { MEMORY_POLICY_FLAGS, MEMORY_POLICY_MODES } from "../../spec/runtime/memory-policy-words.ts";
import type { LinuxIOPriority, Scheduler } from "../../spec/runtime/process.ts";
import type { Op } from "../wire/ops.ts";

/** `<linux/sched.h>` */
const policies = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
} as const;
const schedulerFlags = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
} as const;

/** `struct sched_attr` in its first published size. @see sched_setattr(2) */
export function schedulerOps(scheduler: Scheduler | undefined): Op[] {
  if (!scheduler) return [];
  const attr = new DataView(new ArrayBuffer(48));
  attr.setUint32(0, attr.byteLength, true);
  attr.setUint32(4, policies[scheduler.policy], true);
  attr.setBigUint64(8, BigInt(scheduler.flags.reduce((bits, flag) => bits | schedulerFlags[flag], 0)), true);
  attr.setInt32(16, scheduler.nice, true);
  attr.setUint32(20, scheduler.priority, true);
  attr.setBigUint64(24, BigInt(scheduler.runtime), true);
  attr.setBigUint64(32, BigInt(scheduler.deadline), true);
  attr.setBigUint64(40, BigInt(scheduler.period), true);
  return [{ op: "sched_setattr", attr: new Uint8Array(attr.buffer), at: "process.scheduler" }];
}

const ioClasses = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const;

/** The class in the top three of sixteen bits. @see ioprio_set(2) */
export function ioPriorityOps(priority: LinuxIOPriority | undefined): Op[] {
  if (!priority) return [];
  return [
    {
      op: "ioprio_set",
      ioprio: (ioClasses[priority.class] << 13) | priority.priority,
      at: "process.ioPriority",
    },
  ];
}

/** A bit mask as the kernel's `unsigned long[]`: whole 64-bit words. */
export function bitMask(bits: readonly number[]): Uint8Array {
  const highest = bits.reduce((a, b) => Math.max(a, b), 0);
  const words = Math.floor(highest / 64) + 1;
  const mask = new Uint8Array(words * 8);
  for (const bit of bits) mask[bit >> 3]! |= 1 << (bit & 7);
  return mask;
}

function numbersOf(list: string): number[] {
  return (parseCpuList(list) ?? []).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  );
}

/** @see set_mempolicy(2) */
export function memoryPolicyOps(policy: LinuxMemoryPolicy | undefined): Op[] {
  if (!policy) return [];
  const nodes =
    policy.nodes === undefined || policy.nodes === "" ? new Uint8Array(0) : bitMask(numbersOf(policy.nodes));
  const mode = policy.flags.reduce(
    (bits, flag) => bits | MEMORY_POLICY_FLAGS[flag],
    MEMORY_POLICY_MODES[policy.mode] as number,
  );
  // The kernel takes `maxnode` as one more than the bits it reads.
  return [
    {
      op: "set_mempolicy",
      mode,
      nodes,
      maxnode: nodes.length === 0 ? 0 : nodes.length * 8 + 1,
      at: "linux.memoryPolicy",
    },
  ];
}

/** @see sched_setaffinity(2) */
export function affinityOps(cpus: string | undefined, at: string): Op[] {
  if (!cpus) return [];
  return [{ op: "sched_setaffinity", mask: bitMask(numbersOf(cpus)), at }];
}
