/** The same profiles through libseccomp, called as runc calls it: the verdicts are the same, the program is shorter. */
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type HostArch, syscallNumbers, type TableArch } from "../../../src/runtime/seccomp/archs.ts";
import { compileSeccomp } from "../../../src/runtime/seccomp/compile.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../../src/spec/runtime/seccomp.ts";
import { BpfProgram } from "../../support/bpf-interpreter.ts";
import { Libseccomp } from "../../support/libseccomp.ts";
import { abis } from "../../support/seccomp-evaluator.ts";
import { armFamily, engineDefault, x86Family } from "../../support/seccomp-profiles.ts";

const libseccomp = Libseccomp.build();
afterAll(() => libseccomp?.[Symbol.dispose]());
beforeEach((context) => {
  if (!libseccomp) context.skip("gcc or libseccomp-dev is not installed");
});

const families = [
  ["x86_64", x86Family],
  ["aarch64", armFamily],
] as const satisfies readonly (readonly [HostArch, Record<string, TableArch>])[];

const first = (...values: (number | bigint)[]) =>
  values.map((v) => [BigInt(v), 0n, 0n, 0n, 0n, 0n] as readonly bigint[]);

/** Both programs, and the names that only we know. */
function both(profile: LinuxSeccomp, host: HostArch) {
  const theirs = libseccomp!.compile(profile, host);
  expect(theirs.refused).toEqual([]);
  const ours = compileSeccomp(profile, { arch: host, supportedFlags: [] });
  return {
    ours: new BpfProgram(ours.filter),
    theirs: new BpfProgram(theirs.filter),
    unknown: theirs.unknown,
  };
}

describe("seccomp, compared with libseccomp", () => {
  for (const [host, family] of families) {
    test(`an engine's default profile on ${host}: every call of every architecture`, () => {
      const profile = engineDefault(family);
      const { ours, theirs, unknown } = both(profile, host);
      for (const abi of Object.values(family)) {
        const { audit, bit } = abis[abi];
        const theyLack = new Set(unknown.map((name) => syscallNumbers(abi).get(name)));
        // A libseccomp of 2022 takes some newer calls for x86_64-only, where Linux has given them to x32 too.
        if (abi === "x32") theyLack.add(syscallNumbers(abi).get("map_shadow_stack"));
        for (let number = 0; number <= 462; number++) {
          if (theyLack.has(number)) continue;
          for (const args of first(
            0,
            1,
            8,
            40,
            41,
            0x20000,
            0x7e020000,
            0xffffffff,
            2n ** 32n,
            2n ** 64n - 1n,
          )) {
            const data = { nr: number + bit, arch: audit, args };
            const [a, b] = [ours.run(data).ret, theirs.run(data).ret];
            if (a !== b) expect({ abi, number, args, ret: a }).toEqual({ abi, number, args, ret: b });
          }
        }
      }
      for (const nr of [0, 1, 0x40000000, 0xffffffff]) {
        const foreign = { nr, arch: 0x80000016, args: first(0)[0]! };
        expect(ours.run(foreign).ret).toBe(theirs.run(foreign).ret);
      }
      expect(ours.length).toBeLessThan(theirs.length / 2);
    });
  }

  test("without x32 in the list: its calls kill, and number -1 is none of them", () => {
    const profile: LinuxSeccomp = {
      defaultAction: "SCMP_ACT_LOG",
      syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
    };
    const { ours, theirs } = both(profile, "x86_64");
    for (const nr of [0, 1, 0x3fffffff, 0x40000000, 0x40000001, 0x80000000, 0xfffffffe, 0xffffffff]) {
      const data = { nr, arch: abis.x86_64.audit, args: first(0)[0]! };
      expect([nr, ours.run(data).ret]).toEqual([nr, theirs.run(data).ret]);
    }
  });

  test("socketcall(2) and ipc(2) on x86: the first argument tells the call", () => {
    const rule = (names: string[], errnoRet: number, ...args: LinuxSeccompArg[]): LinuxSyscall => ({
      names,
      action: "SCMP_ACT_ERRNO",
      errnoRet,
      args,
    });
    const profile: LinuxSeccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86"],
      syscalls: [
        rule(["socket", "accept", "semget"], 7),
        rule(["connect"], 8, { index: 0, value: 5, op: "SCMP_CMP_NE" }),
        rule(
          ["shmat"],
          9,
          { index: 1, value: 5, op: "SCMP_CMP_GT" },
          { index: 2, value: 1, op: "SCMP_CMP_EQ" },
        ),
      ],
    };
    const { ours, theirs } = both(profile, "x86_64");
    for (const name of ["socketcall", "ipc", "socket", "connect", "shmat", "semget"]) {
      const nr = syscallNumbers("x86").get(name)!;
      for (let call = 0n; call < 30n; call++) {
        for (const one of [0n, 5n, 6n]) {
          for (const two of [0n, 1n]) {
            const data = { nr, arch: abis.x86.audit, args: [call, one, two, 0n, 0n, 0n] };
            expect([name, data.args, ours.run(data).ret]).toEqual([name, data.args, theirs.run(data).ret]);
          }
        }
      }
    }
  });

  test("overlapping rules with different actions: the narrower bound, the later argument, equality first", () => {
    const when = (errnoRet: number, ...args: LinuxSeccompArg[]): LinuxSyscall => ({
      names: ["personality"],
      action: "SCMP_ACT_ERRNO",
      errnoRet,
      args,
    });
    const arg = (index: number, op: string, value: number) =>
      ({ index, op: `SCMP_CMP_${op}`, value }) as LinuxSeccompArg;
    const profiles: LinuxSyscall[][] = [
      [when(1, arg(0, "GT", 5)), when(2, arg(0, "GT", 9))],
      [when(1, arg(0, "GE", 9)), when(2, arg(0, "GE", 5))],
      [when(1, arg(0, "LT", 9)), when(2, arg(0, "LT", 5))],
      [when(1, arg(0, "LE", 5)), when(2, arg(0, "LE", 9))],
      [when(1, arg(0, "GT", 3)), when(2, arg(0, "EQ", 5)), when(3, arg(0, "LT", 8))],
      [when(1, arg(0, "EQ", 5)), when(2, arg(1, "EQ", 5)), when(3, arg(2, "EQ", 5))],
      [when(1, arg(0, "EQ", 5)), when(2, arg(0, "EQ", 5), arg(1, "EQ", 5))],
      [when(1, arg(0, "EQ", 5)), when(2)],
      [when(2), when(1, arg(0, "EQ", 5))],
      [when(1), when(2)],
    ];
    const values = [0n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 2n ** 32n + 5n];
    for (const syscalls of profiles) {
      const { ours, theirs } = both({ defaultAction: "SCMP_ACT_ALLOW", syscalls }, "x86_64");
      for (const a of values) {
        for (const b of values) {
          for (const c of [0n, 5n]) {
            const data = { nr: 135, arch: abis.x86_64.audit, args: [a, b, c, 0n, 0n, 0n] };
            const [x, y] = [ours.run(data).ret, theirs.run(data).ret];
            if (x !== y) expect({ syscalls, data, ret: x }).toEqual({ syscalls, data, ret: y });
          }
        }
      }
    }
  });
});
