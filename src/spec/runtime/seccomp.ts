/**
 * The `linux.seccomp` section of config.json: which system calls a container may make.
 *
 * @see runtime-spec 1.3 config-linux.md#seccomp
 */
import { integer, nonEmptyText, oneOf, optionalText, uint64 } from "./leaves.ts";
import { array, type Infer, leaf, object, optional, Refusal, read, refuse } from "./schema.ts";
import { Arch, SeccompAction, SeccompFlag, SeccompOperator } from "./seccomp-words.ts";

function keysOf<T extends object>(table: T): (keyof T & string)[] {
  return Object.keys(table) as (keyof T & string)[];
}

/** Errno, or the message for a tracer: the kernel has 16 bits for it. */
const errnoRet = optional(integer(0, 0xffff));
const action = oneOf(keysOf(SeccompAction));

/** One comparison of one argument. @see runtime-spec 1.3 config-linux.md#seccomp */
export const LinuxSeccompArg = object(() => ({
  /** Which argument, from 0. */
  index: integer(0, 5),
  /** What to compare with; for SCMP_CMP_MASKED_EQ the mask. */
  value: uint64,
  /** For SCMP_CMP_MASKED_EQ what the masked argument must be; otherwise unused. */
  valueTwo: optional(uint64),
  op: oneOf(keysOf(SeccompOperator)),
}));
export type LinuxSeccompArg = Infer<typeof LinuxSeccompArg>;

const nameList = array(nonEmptyText);
const names = leaf((value) => {
  const list = read(nameList, value);
  return list instanceof Refusal || list.length > 0 ? list : refuse("must not be empty");
});

/** One entry of `syscalls`. @see runtime-spec 1.3 config-linux.md#seccomp */
export const LinuxSyscall = object(() => ({
  /** Names the running kernel or runt does not know are ignored: profiles are written for many kernels. */
  names,
  action,
  /** For SCMP_ACT_ERRNO and SCMP_ACT_TRACE; EPERM when absent. */
  errnoRet,
  /** All must hold; but when one index comes twice, each is a rule of its own. */
  args: optional(array(LinuxSeccompArg)),
}));
export type LinuxSyscall = Infer<typeof LinuxSyscall>;

/** `linux.seccomp`. @see runtime-spec 1.3 config-linux.md#seccomp */
export const LinuxSeccomp = object(() => ({
  /** What happens to a system call that no rule matches. */
  defaultAction: action,
  /** As `errnoRet` of a syscall, for the default action. */
  defaultErrnoRet: errnoRet,
  /** The native one is always included; calls of one that is not listed kill the thread. */
  architectures: optional(array(oneOf(keysOf(Arch)))),
  /** Absent: SPEC_ALLOW where the kernel has it. An empty list: none. */
  flags: optional(array(oneOf(keysOf(SeccompFlag)))),
  /** Path of the unix socket of the agent that answers SCMP_ACT_NOTIFY. */
  listenerPath: optionalText,
  /** Passed to the agent as it is. */
  listenerMetadata: optionalText,
  syscalls: optional(array(LinuxSyscall)),
}));
export type LinuxSeccomp = Infer<typeof LinuxSeccomp>;
