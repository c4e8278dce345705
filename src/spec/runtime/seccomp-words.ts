/** The words of a seccomp profile. Apart from its schema, which who made one need not load. @see runtime-spec 1.3 config-linux.md#seccomp */

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
