/** Random profiles: the compiled filter says what a plain reading of the profile says. */
import { describe, expect, test } from "vitest";
import { syscallNumbers, type TableArch } from "../../../src/runtime/seccomp/archs.ts";
import { compileSeccomp } from "../../../src/runtime/seccomp/compile.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../../src/spec/runtime/seccomp.ts";
import { SeccompAction, SeccompOperator } from "../../../src/spec/runtime/seccomp-words.ts";
import { BpfProgram } from "../../support/bpf-interpreter.ts";
import { abis, evaluate } from "../../support/seccomp-evaluator.ts";
import { armFamily, x86Family } from "../../support/seccomp-profiles.ts";

/** A small generator of pseudo-random numbers, so that a failure can be repeated from its seed. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed * 2654435761 + 1;
  }
  /** 0 to `below` - 1. */
  int(below: number): number {
    this.#state = (Math.imul(this.#state ^ (this.#state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((this.#state ^ (this.#state >>> 13)) >>> 0) % below;
  }
  one<T>(list: readonly T[]): T {
    return list[this.int(list.length)]!;
  }
  some<T>(list: readonly T[], upTo: number): T[] {
    return Array.from({ length: 1 + this.int(upTo) }, () => this.one(list));
  }
}

/** Values near which comparisons go wrong. */
const edges = [
  0n,
  1n,
  2n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 32n,
  (1n << 32n) + 1n,
  1n << 63n,
  2n ** 64n - 1n,
];

function value(random: Random): bigint {
  return BigInt.asUintN(64, random.one(edges) + BigInt(random.int(3)) - 1n);
}

function randomProfile(random: Random, family: Record<string, TableArch>): LinuxSeccomp {
  const actions = Object.keys(SeccompAction).filter((a) => a !== "SCMP_ACT_NOTIFY") as SeccompAction[];
  const allNames = [...syscallNumbers(Object.values(family)[0]!).keys(), "no_such_call"];
  // Few names, so that several rules meet in one call; socketcall and ipc are another test's.
  const names = random.some(allNames, 12);
  const actionOf = new Map(names.map((name) => [name, random.one(actions)]));
  const errno = random.int(200);
  const arg = (): LinuxSeccompArg => ({
    index: random.int(6),
    op: random.one(Object.keys(SeccompOperator) as SeccompOperator[]),
    value: value(random),
    ...(random.int(2) ? { valueTwo: value(random) } : {}),
  });
  const syscalls = Array.from({ length: random.int(30) }, (): LinuxSyscall => {
    const name = random.one(names);
    const action = actionOf.get(name)!;
    const takesErrno = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
    const args = random.int(5) === 0 ? [] : Array.from({ length: 1 + random.int(4) }, arg);
    return { names: [name], action, ...(takesErrno ? { errnoRet: errno } : {}), args };
  });
  return {
    defaultAction: random.one(actions),
    architectures: random.some(Object.keys(family), 3) as NonNullable<LinuxSeccomp["architectures"]>,
    syscalls,
  };
}

describe("seccomp — runtime-spec config-linux.md#seccomp", () => {
  for (const [host, family] of [
    ["x86_64", x86Family],
    ["aarch64", armFamily],
  ] as const) {
    test(`${host}: a filter decides as its profile reads`, () => {
      for (let seed = 1; seed <= 400; seed++) {
        const random = new Random(seed);
        const profile = randomProfile(random, family);
        const { filter } = compileSeccomp(profile, { arch: host, supportedFlags: [] });
        const program = new BpfProgram(filter);
        const compared = (profile.syscalls ?? []).flatMap((s) => (s.args ?? []).map((a) => BigInt(a.value)));
        for (const abi of Object.values(family)) {
          const { audit, bit, listed } = abis[abi];
          const native = abi === host;
          const mentioned = (profile.syscalls ?? [])
            .flatMap((s) => s.names.map((n) => syscallNumbers(abi).get(n)))
            .filter((n) => n !== undefined);
          const numbers = [
            ...mentioned,
            ...mentioned.map((n) => n + 1),
            0,
            471,
            472,
            100000,
            0xf0002,
            0x3fffffff,
          ];
          for (const number of new Set(numbers)) {
            for (let i = 0; i < 8; i++) {
              const args = Array.from({ length: 6 }, () =>
                compared.length > 0 && random.int(2) ? random.one(compared) : value(random),
              );
              const data = { nr: number + bit, arch: audit, args };
              const expected =
                native || profile.architectures!.includes(listed) ? evaluate(profile, abi, data) : 0;
              const { ret } = program.run(data);
              if (ret !== expected)
                expect({ seed, abi, data, ret }).toEqual({ seed, abi, data, ret: expected });
            }
          }
        }
      }
    });
  }
});
