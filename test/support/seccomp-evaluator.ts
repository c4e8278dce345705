/**
 * What a profile means, rule by rule and without any cleverness: the opinion the compiled filter is compared with.
 * Where several conditional rules match it takes the first listed, so callers give overlapping rules one action.
 */
import { syscallNumbers, type TableArch } from "../../src/runtime/seccomp/archs.ts";
import type { LinuxSeccomp, LinuxSeccompArg } from "../../src/spec/runtime/seccomp.ts";
import type { Arch, SeccompAction } from "../../src/spec/runtime/seccomp-words.ts";
import type { SeccompData } from "./bpf-interpreter.ts";

/** How calls of one architecture look. */
export const abis = {
  x86_64: { listed: "SCMP_ARCH_X86_64", audit: 0xc000003e, bit: 0, bits: 64n },
  x86: { listed: "SCMP_ARCH_X86", audit: 0x40000003, bit: 0, bits: 32n },
  x32: { listed: "SCMP_ARCH_X32", audit: 0xc000003e, bit: 0x40000000, bits: 32n },
  aarch64: { listed: "SCMP_ARCH_AARCH64", audit: 0xc00000b7, bit: 0, bits: 64n },
  arm: { listed: "SCMP_ARCH_ARM", audit: 0x40000028, bit: 0, bits: 32n },
} as const satisfies Record<TableArch, { listed: Arch; audit: number; bit: number; bits: bigint }>;

const returns: Record<SeccompAction, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x30000,
  SCMP_ACT_ERRNO: 0x50000,
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

function returnOf(action: SeccompAction, errno = 1): number {
  return returns[action] + (["SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"].includes(action) ? errno : 0);
}

function holds(
  { index, op, value, valueTwo = 0 }: LinuxSeccompArg,
  data: SeccompData,
  bits: bigint,
): boolean {
  const cut = (n: bigint) => BigInt.asUintN(Number(bits), n);
  const [actual, wanted, two] = [cut(data.args[index]!), cut(BigInt(value)), cut(BigInt(valueTwo))];
  switch (op) {
    case "SCMP_CMP_EQ":
      return actual === wanted;
    case "SCMP_CMP_NE":
      return actual !== wanted;
    case "SCMP_CMP_LT":
      return actual < wanted;
    case "SCMP_CMP_LE":
      return actual <= wanted;
    case "SCMP_CMP_GE":
      return actual >= wanted;
    case "SCMP_CMP_GT":
      return actual > wanted;
    case "SCMP_CMP_MASKED_EQ":
      return (actual & wanted) === (two & wanted);
  }
}

/** The SECCOMP_RET_* value for a call that `abi` makes, made directly and not through socketcall(2) or ipc(2). */
export function evaluate(profile: LinuxSeccomp, abi: TableArch, data: SeccompData): number {
  const { bit, bits } = abis[abi];
  const numbers = syscallNumbers(abi);
  const byDefault = returnOf(profile.defaultAction, profile.defaultErrnoRet);
  const named = (profile.syscalls ?? []).flatMap((s) =>
    s.names.map((name) => ({ ...s, number: numbers.get(name) })),
  );

  const mine = named.filter((s) => s.number !== undefined && s.number + bit === data.nr);
  const effective = mine.filter((s) => returnOf(s.action, s.errnoRet) !== byDefault);
  const always = effective.find((s) => !s.args?.length);
  if (always) return returnOf(always.action, always.errnoRet);
  for (const { action, errnoRet, args = [] } of effective) {
    const repeated = new Set(args.map((a) => a.index)).size < args.length;
    const match = repeated ? args.some((a) => holds(a, data, bits)) : args.every((a) => holds(a, data, bits));
    if (match) return returnOf(action, errnoRet);
  }

  const newest = Math.max(-1, ...named.map((s) => s.number ?? -1).filter((n) => n < 0xf0000));
  const refuses = !["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(profile.defaultAction);
  const number = data.nr - bit;
  if (refuses && newest >= 0 && number > newest && !(abi === "arm" && number >= 0xf0000)) return 0x50000 + 38;
  return byDefault;
}
