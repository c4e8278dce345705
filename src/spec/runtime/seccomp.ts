/**
 * The `linux.seccomp` section of config.json: which system calls a container may make.
 *
 * @see runtime-spec 1.3 config-linux.md#seccomp
 */
import { integer, nonEmptyText, oneOf, optionalText, uint64 } from "./leaves.ts";
import { array, type Infer, leaf, object, optional, Refusal, read, refuse } from "./schema.ts";

/** Architectures a profile may list. The value is what libseccomp calls it in lower case. */
export const Arch = {
  SCMP_ARCH_AARCH64: "aarch64",
  SCMP_ARCH_ARM: "arm",
  SCMP_ARCH_LOONGARCH64: "loongarch64",
  SCMP_ARCH_M68K: "m68k",
  SCMP_ARCH_MIPS: "mips",
  SCMP_ARCH_MIPS64: "mips64",
  SCMP_ARCH_MIPS64N32: "mips64n32",
  SCMP_ARCH_MIPSEL: "mipsel",
  SCMP_ARCH_MIPSEL64: "mipsel64",
  SCMP_ARCH_MIPSEL64N32: "mipsel64n32",
  SCMP_ARCH_PARISC: "parisc",
  SCMP_ARCH_PARISC64: "parisc64",
  SCMP_ARCH_PPC: "ppc",
  SCMP_ARCH_PPC64: "ppc64",
  SCMP_ARCH_PPC64LE: "ppc64le",
  SCMP_ARCH_RISCV64: "riscv64",
  SCMP_ARCH_S390: "s390",
  SCMP_ARCH_S390X: "s390x",
  SCMP_ARCH_SH: "sh",
  SCMP_ARCH_SHEB: "sheb",
  SCMP_ARCH_X32: "x32",
  SCMP_ARCH_X86: "x86",
  SCMP_ARCH_X86_64: "x86_64",
} as const;
export type Arch = keyof typeof Arch;

/** Actions, with the `SECCOMP_RET_*` value of `<linux/seccomp.h>`; errno and trace data go into the low 16 bits. */
export const SeccompAction = {
  SCMP_ACT_ALLOW: 0x7fff0000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_TRAP: 0x00030000,
} as const;
export type SeccompAction = keyof typeof SeccompAction;

/** How an argument is compared; the value is how it reads. Comparisons are unsigned. */
export const SeccompOperator = {
  SCMP_CMP_EQ: "==",
  SCMP_CMP_GE: ">=",
  SCMP_CMP_GT: ">",
  SCMP_CMP_LE: "<=",
  SCMP_CMP_LT: "<",
  /** `(argument & value) == valueTwo`. */
  SCMP_CMP_MASKED_EQ: "&",
  SCMP_CMP_NE: "!=",
} as const;
export type SeccompOperator = keyof typeof SeccompOperator;

/** Flags of seccomp(2), with the bit `<linux/seccomp.h>` gives each. */
export const SeccompFlag = {
  SECCOMP_FILTER_FLAG_TSYNC: 1 << 0,
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 1 << 2,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 1 << 5,
} as const;
export type SeccompFlag = keyof typeof SeccompFlag;

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
