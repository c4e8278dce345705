/** Compiles a device policy to eBPF: a program of type BPF_PROG_TYPE_CGROUP_DEVICE. */
import { Access, type DevicePolicy, type DeviceRule } from "./device-rules.ts";

/** `<linux/bpf.h>`, `<linux/bpf_common.h>`: an operation is class | source | code. */
const BPF_LDX_MEM_W = 0x61;
const BPF_ALU64_MOV_K = 0xb7;
const BPF_ALU32_AND_K = 0x54;
const BPF_ALU32_RSH_K = 0x74;
const BPF_JMP_JA = 0x05;
const BPF_JMP_JNE_K = 0x55;
const BPF_JMP_JSET_K = 0x45;
const BPF_JMP32_JNE_K = 0x56;
const BPF_EXIT = 0x95;

/** `struct bpf_cgroup_dev_ctx`: access in the high half of the first word, device type in the low half. */
const accessTypeAt = 0;
const majorAt = 4;
const minorAt = 8;
const BPF_DEVCG_DEV = { b: 1, c: 2 } as const;

const result = 0;
const context = 1;
const type = 2;
/** Bits asked for that no rule has allowed yet. */
const wanted = 3;
const major = 4;
const minor = 5;

interface Instruction {
  readonly code: number;
  readonly to: number;
  readonly from?: number;
  readonly offset?: number;
  readonly value?: number;
}

const load = (to: number, offset: number): Instruction => ({
  code: BPF_LDX_MEM_W,
  to,
  from: context,
  offset,
});
const answer = (allow: boolean): Instruction[] => [
  { code: BPF_ALU64_MOV_K, to: result, value: allow ? 1 : 0 },
  { code: BPF_EXIT, to: 0 },
];

const prologue: readonly Instruction[] = [
  load(type, accessTypeAt),
  { code: BPF_ALU32_AND_K, to: type, value: 0xffff },
  load(wanted, accessTypeAt),
  { code: BPF_ALU32_RSH_K, to: wanted, value: 16 },
  load(major, majorAt),
  load(minor, minorAt),
];

/**
 * The instructions, for a little-endian machine. The last rule comes first: a denial of any bit still wanted
 * ends in refusal, an allowance takes its bits off the wanted ones, and when none is left the answer is yes.
 */
export function deviceProgram({ allowByDefault, rules }: DevicePolicy): Uint8Array<ArrayBuffer> {
  const code = [...prologue];
  for (const rule of rules.toReversed()) code.push(...ruleCode(rule));
  code.push(...answer(allowByDefault));
  return encode(code);
}

function ruleCode(rule: DeviceRule): Instruction[] {
  const action = rule.allow ? allowCode(rule.access) : denyCode(rule.access);
  const tests: Instruction[] = [];
  // Each test jumps over the tests after it and the action: filled in below, when their number is known.
  tests.push({ code: BPF_JMP32_JNE_K, to: type, value: BPF_DEVCG_DEV[rule.type] });
  if (rule.major !== undefined) tests.push({ code: BPF_JMP32_JNE_K, to: major, value: rule.major });
  if (rule.minor !== undefined) tests.push({ code: BPF_JMP32_JNE_K, to: minor, value: rule.minor });
  const end = tests.length + action.length;
  return [...tests.map((test, i) => ({ ...test, offset: end - i - 1 })), ...action];
}

function allowCode(access: number): Instruction[] {
  if (access === (Access.m | Access.r | Access.w)) return answer(true);
  return [
    { code: BPF_ALU32_AND_K, to: wanted, value: ~access & 7 },
    { code: BPF_JMP_JNE_K, to: wanted, value: 0, offset: 2 },
    ...answer(true),
  ];
}

function denyCode(access: number): Instruction[] {
  return [
    { code: BPF_JMP_JSET_K, to: wanted, value: access, offset: 1 },
    { code: BPF_JMP_JA, to: 0, offset: 2 },
    ...answer(false),
  ];
}

/** `struct bpf_insn`: code, registers, offset, immediate. */
function encode(code: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new DataView(new ArrayBuffer(code.length * 8));
  for (const [i, { code: operation, to, from = 0, offset = 0, value = 0 }] of code.entries()) {
    bytes.setUint8(8 * i, operation);
    bytes.setUint8(8 * i + 1, (from << 4) | to);
    bytes.setInt16(8 * i + 2, offset, true);
    bytes.setInt32(8 * i + 4, value | 0, true);
  }
  return new Uint8Array(bytes.buffer);
}
