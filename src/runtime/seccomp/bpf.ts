/**
 * Classic BPF as seccomp(2) takes it: instruction codes, return values and where things lie in `seccomp_data`.
 *
 * Only instructions that Linux can also follow when it looks, at load time, for system calls that are always
 * allowed (load of nr or arch, and, jumps, return) stand before the first look at an argument: such calls then
 * skip the filter altogether.
 *
 * @see seccomp(2), `<linux/filter.h>`, Linux kernel/seccomp.c seccomp_cache_prepare
 */

/** `code` of struct sock_filter; all operate on 32-bit words and compare with the constant `k`. */
export const BPF = {
  LD_W_ABS: 0x20,
  ALU_AND_K: 0x54,
  JMP_JA: 0x05,
  JMP_JEQ_K: 0x15,
  JMP_JGT_K: 0x25,
  JMP_JGE_K: 0x35,
  JMP_JSET_K: 0x45,
  RET_K: 0x06,
} as const;

/** Instructions in one program at most. @see `<linux/bpf_common.h>` */
export const BPF_MAXINSNS = 4096;

/** sizeof(struct sock_filter). */
export const SOCK_FILTER_SIZE = 8;

/** Byte offsets in struct seccomp_data of a little-endian machine. */
export const SeccompData = {
  nr: 0,
  arch: 4,
  argLow: (index: number): number => 16 + 8 * index,
  argHigh: (index: number): number => 20 + 8 * index,
} as const;

/** The errno (or tracer message) of a return value. @see `<linux/seccomp.h>` */
export const SECCOMP_RET_DATA = 0xffff;

/** Makes seccomp(2) return a notification fd. */
export const SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3;
