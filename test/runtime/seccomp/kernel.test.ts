/** The running kernel takes the filters and does what they say. */
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { syscallNumbers } from "../../../src/runtime/seccomp/archs.ts";
import { compileSeccomp, type SeccompHost } from "../../../src/runtime/seccomp/compile.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "../../../src/spec/runtime/seccomp.ts";
import { type ProbeCall, SeccompProbe } from "../../support/seccomp-probe.ts";
import { engineDefault, x86Family } from "../../support/seccomp-profiles.ts";

const probe = SeccompProbe.build();
afterAll(() => probe?.[Symbol.dispose]());
beforeEach((context) => {
  if (!probe) context.skip("gcc is not installed");
  if (process.arch !== "x64") context.skip("the calls are those of x86_64");
});

const host: SeccompHost = {
  arch: "x86_64",
  supportedFlags: [
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
  ],
};

const [EPERM, ENOSYS, SOME, OTHER] = [-1, -38, -77, -78];

function run(profile: LinuxSeccomp, ...calls: ProbeCall[]) {
  return probe!.run(compileSeccomp(profile, host), calls);
}

function x86_64(name: string | number, ...args: bigint[]): ProbeCall {
  return { abi: "x86_64", nr: typeof name === "number" ? name : syscallNumbers("x86_64").get(name)!, args };
}

function x86(name: string, ...args: bigint[]): ProbeCall {
  return { abi: "x86", nr: syscallNumbers("x86").get(name)!, args };
}

function errnoFor(name: string, errno: number, ...args: LinuxSeccompArg[]): LinuxSyscall {
  return { names: [name], action: "SCMP_ACT_ERRNO", errnoRet: -errno, args };
}

function allowing(...syscalls: LinuxSyscall[]): LinuxSeccomp {
  return { defaultAction: "SCMP_ACT_ALLOW", syscalls };
}

/** Whether int 0x80 works here at all. */
function x86Runs(): boolean {
  const profile = { ...allowing(), architectures: ["SCMP_ARCH_X86"] } satisfies LinuxSeccomp;
  return run(profile, x86("getpid")).status === 0;
}

describe("seccomp in the kernel", () => {
  test("arguments are compared in all their 64 bits", () => {
    const values = [
      0n,
      1n,
      4n,
      5n,
      6n,
      0xffffffffn,
      1n << 32n,
      (1n << 32n) + 5n,
      (1n << 33n) + 5n,
      1n << 63n,
      2n ** 64n - 1n,
    ];
    const bound = (1n << 32n) + 5n;
    const holds: Record<string, (v: bigint) => boolean> = {
      EQ: (v) => v === bound,
      NE: (v) => v !== bound,
      LT: (v) => v < bound,
      LE: (v) => v <= bound,
      GE: (v) => v >= bound,
      GT: (v) => v > bound,
      MASKED_EQ: (v) => (v & bound) === 5n,
    };
    for (const [op, matches] of Object.entries(holds)) {
      // getppid ignores its arguments, so any will do.
      const arg = { index: 4, op: `SCMP_CMP_${op}`, value: bound, valueTwo: 5 } as LinuxSeccompArg;
      const calls = values.map((v) => x86_64("getppid", 0n, 0n, 0n, 0n, v));
      const { status, results } = run(allowing(errnoFor("getppid", SOME, arg)), ...calls);
      expect(status).toBe(0);
      expect([op, results]).toEqual([op, values.map((v) => (matches(v) ? SOME : process.pid))]);
    }
  });

  test("several rules of one call, with long jumps between them", () => {
    const count = 700;
    const rules = Array.from({ length: count }, (_, i) =>
      errnoFor("getppid", i % 2 ? SOME : OTHER, { index: i % 6, op: "SCMP_CMP_EQ", value: BigInt(i) << 20n }),
    );
    const at = [0, 1, 2, 99, 350, 698, 699];
    const calls = at.map((i) => {
      const args = Array.from({ length: 6 }, (_, j) => (j === i % 6 ? BigInt(i) << 20n : 3n));
      return x86_64("getppid", ...args);
    });
    const { results } = run(allowing(...rules), ...calls, x86_64("getppid", 3n, 3n, 3n, 3n, 3n, 3n));
    expect(results).toEqual([...at.map((i) => (i % 2 ? SOME : OTHER)), process.pid]);
  });

  test("an engine's default profile: allowed, refused, too new, by argument", () => {
    const { status, results, stderr } = run(
      engineDefault(x86Family),
      x86_64("getppid"),
      x86_64("keyctl"),
      x86_64("clone3"),
      x86_64("setxattrat"),
      x86_64(5000),
      x86_64("personality", 0xffffffffn),
      x86_64("personality", 1n),
      x86_64("socket", 40n, 1n, 0n),
      x86_64("unshare", 0n),
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(results).toEqual([process.pid, EPERM, ENOSYS, ENOSYS, ENOSYS, 0, EPERM, EPERM, EPERM]);
  });

  test("calls of a 32-bit x86 program have their own numbers, and two ways to a socket", (context) => {
    if (!x86Runs()) context.skip("the kernel does not run 32-bit x86 calls");
    const profile = {
      ...allowing(errnoFor("getppid", SOME), errnoFor("socket", OTHER)),
      architectures: ["SCMP_ARCH_X86"],
    };
    const { results } = run(
      profile as LinuxSeccomp,
      x86("getppid"),
      x86("socket", 1n),
      x86("socketcall", 1n),
      x86("getuid"),
    );
    expect(results).toEqual([SOME, OTHER, OTHER, process.getuid!()]);
  });

  test("calls of an architecture that is not listed kill", () => {
    const { signal } = run(allowing(), x86("getpid"));
    expect(signal).toBe("SIGSYS");
    const x32 = run(allowing(), { abi: "x32", nr: 0x40000000 + 39 });
    expect(x32.signal).toBe("SIGSYS");
  });

  for (const action of [
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_TRAP",
  ] as const) {
    test(`${action} ends the process with SIGSYS`, () => {
      expect(run(allowing({ names: ["getppid"], action }), x86_64("getppid")).signal).toBe("SIGSYS");
    });
  }

  test("SCMP_ACT_LOG lets the call happen; SCMP_ACT_TRACE without a tracer is ENOSYS", () => {
    const profile = allowing(
      { names: ["getppid"], action: "SCMP_ACT_LOG" },
      { names: ["getuid"], action: "SCMP_ACT_TRACE" },
    );
    expect(run(profile, x86_64("getppid"), x86_64("getuid")).results).toEqual([process.pid, ENOSYS]);
  });

  test("SCMP_ACT_NOTIFY: the listener is told and answers", () => {
    const profile: LinuxSeccomp = {
      ...allowing({ names: ["getppid", "mkdir"], action: "SCMP_ACT_NOTIFY" }),
      listenerPath: "/agent",
      flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
    };
    const { status, results, notified } = run(profile, x86_64("getppid"), x86_64("mkdir"));
    expect({ status, notified, results }).toEqual({ status: 0, notified: [110, 83], results: [-42, -42] });
  });

  test("the largest program that compiles is loaded", () => {
    // Each rule takes three instructions: a load and two comparisons.
    const rules = Array.from({ length: 1340 }, (_, i) =>
      errnoFor("getppid", SOME, { index: i % 6, op: "SCMP_CMP_EQ", value: (BigInt(i) << 32n) + BigInt(i) }),
    );
    const compiled = compileSeccomp(allowing(...rules), host);
    expect(compiled.filter.length / 8).toBeGreaterThan(4000);
    const { status, results, stderr } = probe!.run(compiled, [x86_64("getppid", 3n, 3n, 3n, 3n, 3n, 3n)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(results).toEqual([process.pid]);
  });
});
