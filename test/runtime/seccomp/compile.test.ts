/** What each property of linux.seccomp does to the program, seen by running it. */
import { describe, expect, test } from "vitest";
import { syscallNumbers, type TableArch } from "../../../src/runtime/seccomp/archs.ts";
import { compileSeccomp, type SeccompHost } from "../../../src/runtime/seccomp/compile.ts";
import { seccompFeatures } from "../../../src/runtime/seccomp/features.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../../src/spec/runtime/seccomp.ts";
import { SeccompAction, SeccompFlag } from "../../../src/spec/runtime/seccomp-words.ts";
import { BpfProgram } from "../../support/bpf-interpreter.ts";
import { abis } from "../../support/seccomp-evaluator.ts";
import { armFamily, engineDefault, x86Family } from "../../support/seccomp-profiles.ts";

const allFlags = Object.keys(SeccompFlag) as SeccompFlag[];
const x86_64: SeccompHost = { arch: "x86_64", supportedFlags: allFlags };
const aarch64: SeccompHost = { arch: "aarch64", supportedFlags: allFlags };

const errno = (n: number) => 0x00050000 + n;
const ALLOW = 0x7fff0000;
const KILL_THREAD = 0;
const EPERM = 1;
const ENOSYS = 38;

/** What the filter for `profile` returns for a call. */
function verdict(
  profile: LinuxSeccomp,
  host: SeccompHost,
  abi: TableArch,
  call: string | number,
  ...args: bigint[]
) {
  const program = new BpfProgram(compileSeccomp(profile, host).filter);
  const number = typeof call === "number" ? call : syscallNumbers(abi).get(call)!;
  const padded = [...args, 0n, 0n, 0n, 0n, 0n, 0n].slice(0, 6);
  return program.run({ nr: number + abis[abi].bit, arch: abis[abi].audit, args: padded }).ret;
}

function refusing(...syscalls: LinuxSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ERRNO", syscalls };
}

function allowing(...syscalls: LinuxSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ALLOW", syscalls };
}

function arg(index: number, op: string, value: number | bigint, valueTwo?: number | bigint): LinuxSeccompArg {
  return {
    index,
    op: `SCMP_CMP_${op}`,
    value,
    ...(valueTwo === undefined ? {} : { valueTwo }),
  } as LinuxSeccompArg;
}

describe("seccomp actions — runtime-spec config-linux.md#seccomp", () => {
  const withErrno = (action: SeccompAction) => action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  for (const action of Object.keys(SeccompAction) as SeccompAction[]) {
    test(`${action} of a rule is what the kernel calls it`, () => {
      const profile = { ...allowing({ names: ["getpid"], action }), listenerPath: "/agent" };
      expect(verdict(profile, x86_64, "x86_64", "getpid")).toBe(
        SeccompAction[action] + (withErrno(action) ? EPERM : 0),
      );
    });
    // Refused as a default, see below.
    if (action === "SCMP_ACT_NOTIFY") continue;
    test(`${action} as the default applies to calls no rule names`, () => {
      const profile: LinuxSeccomp = {
        defaultAction: action,
        syscalls: [{ names: ["mseal"], action: "SCMP_ACT_NOTIFY" }],
        listenerPath: "/agent",
      };
      expect(verdict(profile, x86_64, "x86_64", "getpid")).toBe(
        SeccompAction[action] + (withErrno(action) ? EPERM : 0),
      );
    });
  }

  test("errnoRet and defaultErrnoRet replace EPERM, for an errno as for a tracer's message", () => {
    const profile: LinuxSeccomp = {
      defaultAction: "SCMP_ACT_TRACE",
      defaultErrnoRet: 300,
      syscalls: [{ names: ["getpid"], action: "SCMP_ACT_ERRNO", errnoRet: 77 }],
    };
    expect(verdict(profile, x86_64, "x86_64", "getpid")).toBe(errno(77));
    expect(verdict(profile, x86_64, "x86_64", "getuid")).toBe(0x7ff00000 + 300);
  });

  test("without a listed syscall everything gets the default", () => {
    expect(verdict({ defaultAction: "SCMP_ACT_KILL_PROCESS" }, x86_64, "x86_64", "read")).toBe(0x80000000);
  });
});

describe("seccomp names and architectures — runtime-spec config-linux.md#seccomp", () => {
  test("a name no table has is ignored and told", () => {
    const profile = refusing({ names: ["getpid", "frobnicate"], action: "SCMP_ACT_ALLOW" });
    expect(verdict(profile, x86_64, "x86_64", "getpid")).toBe(ALLOW);
    expect(compileSeccomp(profile, x86_64).warnings).toEqual([
      "seccomp: ignored system calls unknown here: frobnicate",
    ]);
  });

  test("the native architecture is always there; calls of one that is not listed kill the thread", () => {
    const profile = { ...allowing(), architectures: ["SCMP_ARCH_X86"] } satisfies LinuxSeccomp;
    expect(verdict(profile, x86_64, "x86_64", "read")).toBe(ALLOW);
    expect(verdict(profile, x86_64, "x86", "read")).toBe(ALLOW);
    expect(verdict(profile, x86_64, "x32", "read")).toBe(KILL_THREAD);
    expect(verdict(allowing(), aarch64, "arm", "read")).toBe(KILL_THREAD);
    expect(verdict(allowing(), aarch64, "x86_64", 0)).toBe(KILL_THREAD);
  });

  test("each architecture has its own numbers", () => {
    const x86 = {
      ...refusing({ names: ["getpid"], action: "SCMP_ACT_ALLOW" }),
      architectures: Object.keys(x86Family),
    };
    const arm = { ...x86, architectures: Object.keys(armFamily) };
    for (const abi of ["x86_64", "x86", "x32"] as const) {
      expect(verdict(x86 as LinuxSeccomp, x86_64, abi, "getpid")).toBe(ALLOW);
      expect(verdict(x86 as LinuxSeccomp, x86_64, abi, 0)).toBe(errno(EPERM));
    }
    expect(verdict(arm as LinuxSeccomp, aarch64, "aarch64", 172)).toBe(ALLOW);
    expect(verdict(arm as LinuxSeccomp, aarch64, "arm", 20)).toBe(ALLOW);
  });

  test("an architecture that this kernel cannot run is ignored and told", () => {
    const profile = { ...allowing(), architectures: ["SCMP_ARCH_S390X"] } satisfies LinuxSeccomp;
    expect(compileSeccomp(profile, x86_64).warnings).toEqual([
      "seccomp: SCMP_ARCH_S390X is ignored: a kernel for x86_64 does not run it",
    ]);
  });

  test("ARM's own calls are known", () => {
    const profile = {
      ...refusing({ names: ["cacheflush", "read"], action: "SCMP_ACT_ALLOW" }),
      architectures: ["SCMP_ARCH_ARM"],
    } satisfies LinuxSeccomp;
    expect(verdict(profile, aarch64, "arm", 0x0f0002)).toBe(ALLOW);
    expect(verdict(profile, aarch64, "arm", 0x0f0005)).toBe(errno(EPERM));
    expect(verdict(profile, aarch64, "arm", 4)).toBe(errno(ENOSYS));
  });

  test.each([
    ["cachestat", 451],
    ["futex_requeue", 456],
    ["mseal", 462],
    ["open_tree_attr", 467],
    ["file_setattr", 469],
  ])("%s is %i everywhere", (name, number) => {
    for (const abi of Object.keys(abis) as TableArch[]) expect(syscallNumbers(abi).get(name)).toBe(number);
  });
});

describe("seccomp arguments — runtime-spec config-linux.md#seccomp", () => {
  const big = 2n ** 32n + 5n;
  test.each([
    ["EQ", 5, [5n], [4n, 6n, big, 2n ** 63n + 5n]],
    ["NE", 5, [4n, 6n, big], [5n]],
    ["LT", 5, [0n, 4n], [5n, 6n, big]],
    ["LE", 5, [0n, 5n], [6n, big]],
    ["GE", 5, [5n, 6n, big, 2n ** 32n], [0n, 4n]],
    ["GT", 5, [6n, big, 2n ** 32n], [0n, 5n]],
    ["EQ", big, [big], [5n, 2n ** 33n + 5n, 2n ** 32n + 4n]],
    ["LT", big, [5n, big - 1n, 0xffffffffn], [big, big + 1n, 2n ** 63n]],
    ["GT", big, [big + 1n, 2n ** 33n, 2n ** 64n - 1n], [big, 6n, 0xffffffffn]],
    ["EQ", 2n ** 64n - 1n, [2n ** 64n - 1n], [2n ** 32n - 1n]],
  ] as const)("%s %s", (op, value, holds, fails) => {
    const profile = allowing({ names: ["getpid"], action: "SCMP_ACT_ERRNO", args: [arg(3, op, value)] });
    for (const v of holds)
      expect([v, verdict(profile, x86_64, "x86_64", "getpid", 0n, 0n, 0n, v)]).toEqual([v, errno(1)]);
    for (const v of fails)
      expect([v, verdict(profile, x86_64, "x86_64", "getpid", 0n, 0n, 0n, v)]).toEqual([v, ALLOW]);
  });

  test("MASKED_EQ compares only the bits of value with valueTwo", () => {
    const profile = allowing({
      names: ["clone"],
      action: "SCMP_ACT_ERRNO",
      args: [arg(0, "MASKED_EQ", 0xff0000000fn, 0x1200000003n)],
    });
    expect(verdict(profile, x86_64, "x86_64", "clone", 0x1234567893n)).toBe(errno(1));
    expect(verdict(profile, x86_64, "x86_64", "clone", 0xff1200000003n)).toBe(errno(1));
    expect(verdict(profile, x86_64, "x86_64", "clone", 0x1300000003n)).toBe(ALLOW);
    expect(verdict(profile, x86_64, "x86_64", "clone", 0x1200000007n)).toBe(ALLOW);
  });

  test("where longs have 32 bits only the low half counts", () => {
    const profile = {
      ...allowing({ names: ["getpid"], action: "SCMP_ACT_ERRNO", args: [arg(0, "EQ", 5)] }),
      architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    } satisfies LinuxSeccomp;
    expect(verdict(profile, x86_64, "x86", "getpid", big)).toBe(errno(1));
    expect(verdict(profile, x86_64, "x32", "getpid", big)).toBe(errno(1));
  });

  test("several arguments must all match", () => {
    const args = [arg(0, "EQ", 1), arg(1, "GT", 2)];
    const profile = allowing({ names: ["getpid"], action: "SCMP_ACT_ERRNO", args });
    expect(verdict(profile, x86_64, "x86_64", "getpid", 1n, 3n)).toBe(errno(1));
    expect(verdict(profile, x86_64, "x86_64", "getpid", 1n, 2n)).toBe(ALLOW);
    expect(verdict(profile, x86_64, "x86_64", "getpid", 0n, 3n)).toBe(ALLOW);
  });

  test("when one argument is tested twice, each test is a rule of its own", () => {
    const args = [arg(0, "EQ", 1), arg(0, "EQ", 2), arg(1, "EQ", 9)];
    const profile = allowing({ names: ["getpid"], action: "SCMP_ACT_ERRNO", args });
    for (const [a, b] of [
      [1n, 0n],
      [2n, 0n],
      [0n, 9n],
    ] as const) {
      expect(verdict(profile, x86_64, "x86_64", "getpid", a, b)).toBe(errno(1));
    }
    expect(verdict(profile, x86_64, "x86_64", "getpid", 3n, 0n)).toBe(ALLOW);
  });

  test("an unconditional rule outweighs the others", () => {
    const conditional: LinuxSyscall = { names: ["getpid"], action: "SCMP_ACT_KILL", args: [arg(0, "EQ", 1)] };
    const always: LinuxSyscall = { names: ["getpid"], action: "SCMP_ACT_LOG" };
    for (const order of [
      [conditional, always],
      [always, conditional],
    ]) {
      expect(verdict(refusing(...order), x86_64, "x86_64", "getpid", 1n)).toBe(SeccompAction.SCMP_ACT_LOG);
    }
  });

  test("the same conditions with different actions contradict each other: refused", () => {
    const profile = refusing(
      { names: ["getpid"], action: "SCMP_ACT_ALLOW", args: [arg(0, "EQ", 1)] },
      { names: ["getpid"], action: "SCMP_ACT_KILL", args: [arg(0, "EQ", 1)] },
    );
    expect(() => compileSeccomp(profile, x86_64)).toThrow(
      expect.objectContaining({
        name: "RuntError",
        kind: "InvalidArgument",
        site: { operation: "create", subject: "config.json: linux.seccomp.syscalls[1]" },
      }),
    );
  });
});

describe("seccomp: calls newer than the profile — as runc has it", () => {
  const upTo = (name: string, defaultAction: SeccompAction): LinuxSeccomp => ({
    defaultAction,
    architectures: Object.keys(x86Family) as NonNullable<LinuxSeccomp["architectures"]>,
    syscalls: [{ names: ["read", name], action: "SCMP_ACT_ALLOW" }],
  });

  for (const action of [
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL",
    "SCMP_ACT_TRAP",
  ] as const) {
    test(`under ${action} they get ENOSYS, on each architecture`, () => {
      for (const abi of ["x86_64", "x86", "x32"] as const) {
        const profile = upTo("close_range", action);
        expect(verdict(profile, x86_64, abi, "close_range")).toBe(ALLOW);
        expect(verdict(profile, x86_64, abi, "openat2")).toBe(errno(ENOSYS));
        expect(verdict(profile, x86_64, abi, 5000)).toBe(errno(ENOSYS));
        expect(verdict(profile, x86_64, abi, "clone3")).not.toBe(errno(ENOSYS));
      }
    });
  }

  for (const action of ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"] as const) {
    test(`under ${action} they are like any other`, () => {
      const profile = upTo("close_range", action);
      expect(verdict(profile, x86_64, "x86_64", 5000)).toBe(verdict(profile, x86_64, "x86_64", "getpid"));
    });
  }

  test("a rule that says what the default says still counts as named", () => {
    const profile = refusing({ names: ["mseal"], action: "SCMP_ACT_ERRNO" });
    expect(verdict(profile, x86_64, "x86_64", "mseal")).toBe(errno(EPERM));
    expect(verdict(profile, x86_64, "x86_64", "setxattrat")).toBe(errno(ENOSYS));
  });

  test("x32 calls stay killed where x32 is not listed", () => {
    const profile = { ...upTo("close_range", "SCMP_ACT_ERRNO"), architectures: [] };
    expect(verdict(profile, x86_64, "x32", 5000)).toBe(KILL_THREAD);
  });
});

describe("seccomp flags and the listener — runtime-spec config-linux.md#seccomp", () => {
  const notify: LinuxSyscall = { names: ["mkdir"], action: "SCMP_ACT_NOTIFY" };

  test("no flags property: SPEC_ALLOW where the kernel has it; an empty list: none", () => {
    expect(compileSeccomp(allowing(), x86_64).flags).toBe(4);
    expect(compileSeccomp(allowing(), { ...x86_64, supportedFlags: [] }).flags).toBe(0);
    expect(compileSeccomp({ ...allowing(), flags: [] }, x86_64).flags).toBe(0);
  });

  test("flags are passed on, except TSYNC, which one thread does not need", () => {
    const flags: SeccompFlag[] = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"];
    expect(compileSeccomp({ ...allowing(), flags }, x86_64).flags).toBe(2);
  });

  test("a flag the kernel lacks is refused", () => {
    const profile = { ...allowing(), flags: ["SECCOMP_FILTER_FLAG_LOG"] } satisfies LinuxSeccomp;
    expect(() => compileSeccomp(profile, { ...x86_64, supportedFlags: [] })).toThrow(
      expect.objectContaining({ kind: "Unimplemented" }),
    );
  });

  test("a rule with NOTIFY asks for a listener", () => {
    const profile: LinuxSeccomp = {
      ...allowing(notify),
      listenerPath: "/agent",
      flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
    };
    expect(compileSeccomp(profile, x86_64)).toMatchObject({ flags: 8 | 32, listener: true });
    expect(compileSeccomp(allowing(), x86_64).listener).toBe(false);
  });

  test.each<[string, LinuxSeccomp, string]>([
    ["as the default action", { defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/agent" }, "defaultAction"],
    [
      "for write",
      { ...allowing(notify, { ...notify, names: ["write"] }), listenerPath: "/agent" },
      "syscalls[1]",
    ],
    ["without listenerPath", allowing(notify), "listenerPath"],
    [
      "missing, with WAIT_KILLABLE_RECV",
      { ...allowing(), flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] },
      "flags",
    ],
  ])("NOTIFY %s is refused", (_, profile, property) => {
    expect(() => compileSeccomp(profile, x86_64)).toThrow(
      expect.objectContaining({
        kind: "InvalidArgument",
        site: { operation: "create", subject: `config.json: linux.seccomp.${property}` },
      }),
    );
  });
});

describe("seccomp program size — seccomp(2), BPF_MAXINSNS", () => {
  /** `count` scattered values of one argument. */
  const values = (count: number): LinuxSeccomp =>
    allowing(
      ...Array.from(
        { length: count },
        (_, i): LinuxSyscall => ({
          names: ["getpid"],
          action: "SCMP_ACT_ERRNO",
          errnoRet: 1 + (i % 50),
          args: [arg(i % 6, "EQ", BigInt(i) * 0x1_0000_0007n)],
        }),
      ),
    );

  test("jumps further than an instruction can say still arrive", () => {
    const count = 900;
    const program = new BpfProgram(compileSeccomp(values(count), x86_64).filter);
    expect(program.length).toBeGreaterThan(1000);
    for (let i = 0; i < count; i += 7) {
      const args = [0n, 0n, 0n, 0n, 0n, 0n].map((_, j) => (j === i % 6 ? BigInt(i) * 0x1_0000_0007n : 3n));
      expect(program.run({ nr: 39, arch: abis.x86_64.audit, args }).ret).toBe(errno(1 + (i % 50)));
    }
    const none = { nr: 39, arch: abis.x86_64.audit, args: [3n, 3n, 3n, 3n, 3n, 3n] };
    expect(program.run(none).ret).toBe(ALLOW);
  });

  for (const count of [1500, 6000]) {
    test(`${count} rules for one call are more than the kernel takes: refused`, () => {
      expect(() => compileSeccomp(values(count), x86_64)).toThrow(
        /the filter needs at least \d+ instructions, and the kernel takes 4096/,
      );
    });
  }

  test("an engine's default profile: every call is decided in few instructions", () => {
    for (const [host, family] of [
      [x86_64, x86Family],
      [aarch64, armFamily],
    ] as const) {
      const program = new BpfProgram(compileSeccomp(engineDefault(family), host).filter);
      expect(program.length).toBeLessThan(320);
      const args = [0n, 0n, 0n, 0n, 0n, 0n];
      for (const nr of syscallNumbers(host.arch).values()) {
        expect(program.run({ nr, arch: abis[host.arch].audit, args }).steps).toBeLessThanOrEqual(20);
      }
    }
  });
});

describe("features — runtime-spec features-linux.md#seccomp", () => {
  test("lists what profiles may use, and of the flags what this kernel has", () => {
    const features = seccompFeatures(["SECCOMP_FILTER_FLAG_LOG"]);
    expect(features.actions).toContain("SCMP_ACT_NOTIFY");
    expect(features.operators).toHaveLength(7);
    expect(features.archs).toContain("SCMP_ARCH_RISCV64");
    expect(features.knownFlags).toHaveLength(4);
    expect(features.supportedFlags).toEqual(["SECCOMP_FILTER_FLAG_LOG"]);
  });
});
