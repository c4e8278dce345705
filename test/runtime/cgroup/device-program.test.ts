import { describe, expect, test } from "vitest";
import { deviceProgram } from "../../../src/runtime/cgroup/device-program.ts";
import { Access, allowsEverything, devicePolicy } from "../../../src/runtime/cgroup/device-rules.ts";
import type { LinuxDeviceCgroup } from "../../../src/spec/runtime/resources.ts";

type Letter = keyof typeof Access;
interface Attempt {
  type: "b" | "c";
  major: number;
  minor: number;
  access: string;
}

/** "+c 1:3 rwm" → a rule as in config.json. */
function rule(text: string): LinuxDeviceCgroup {
  const match = /^([+-])([abc]) (\*|\d+):(\*|\d+) ([rwm]+)$/.exec(text)!;
  const number = (each: string) => (each === "*" ? -1 : Number(each));
  return {
    allow: match[1] === "+",
    type: match[2] as "a" | "b" | "c",
    major: number(match[3]!),
    minor: number(match[4]!),
    access: match[5]!,
  };
}

function bits(access: string): number {
  return [...access].reduce((sum, letter) => sum | Access[letter as Letter], 0);
}

/** Runs the program as the kernel would: the few instructions that it is made of. */
function run(program: Uint8Array<ArrayBuffer>, { type, major, minor, access }: Attempt): boolean {
  const view = new DataView(program.buffer);
  const context = [((bits(access) << 16) | (type === "b" ? 1 : 2)) >>> 0, major, minor];
  const r: number[] = [];
  for (let pc = 0; ; pc++) {
    const code = view.getUint8(8 * pc);
    const to = view.getUint8(8 * pc + 1) & 15;
    const offset = view.getInt16(8 * pc + 2, true);
    const value = view.getUint32(8 * pc + 4, true);
    const left = r[to] ?? 0;
    if (code === 0x61) r[to] = context[offset / 4]!;
    else if (code === 0xb7) r[to] = value;
    else if (code === 0x54) r[to] = (left & value) >>> 0;
    else if (code === 0x74) r[to] = left >>> value;
    else if (code === 0x05) pc += offset;
    else if (code === 0x55 || code === 0x56) pc += left !== value ? offset : 0;
    else if (code === 0x45) pc += (left & value) !== 0 ? offset : 0;
    else if (code === 0x95) return r[0] === 1;
    else throw new Error(`instruction ${pc}: code ${code}`);
  }
}

const verdict = (rules: string[], attempt: Attempt) =>
  run(deviceProgram(devicePolicy(rules.map(rule))), attempt);

function attempt(text: string): Attempt {
  const match = /^([bc]) (\d+):(\d+) ([rwm]+)$/.exec(text)!;
  return { type: match[1] as "b" | "c", major: Number(match[2]), minor: Number(match[3]), access: match[4]! };
}

describe("linux.resources.devices — config-linux.md#allowed-device-list", () => {
  const table: [rules: string[], attempt: string, allowed: boolean][] = [
    [[], "c 1:3 rw", true],
    [[], "c 5:2 rw", true],
    [[], "c 136:77 rw", true],
    [[], "c 10:200 rw", true],
    [[], "c 1:1 m", true],
    [[], "b 8:0 m", true],
    [[], "c 1:1 r", false],
    [[], "b 8:0 r", false],
    [[], "b 8:0 rm", false],
    [["-a *:* rwm"], "c 1:3 rwm", true],
    [["-a *:* rwm"], "b 8:0 w", false],
    [["+a *:* rwm"], "b 8:0 rwm", true],
    [["-a *:* rwm", "+b 8:0 r"], "b 8:0 r", true],
    [["-a *:* rwm", "+b 8:0 r"], "b 8:0 w", false],
    [["-a *:* rwm", "+b 8:0 r"], "b 8:0 rw", false],
    [["-a *:* rwm", "+b 8:0 r"], "b 8:1 r", false],
    [["-a *:* rwm", "+b 8:0 r"], "c 8:0 r", false],
    [["-a *:* rwm", "+b 8:0 r", "+b 8:0 w"], "b 8:0 rw", true],
    [["-a *:* rwm", "+b 8:* rw"], "b 8:99 rw", true],
    [["-a *:* rwm", "+b *:0 rw"], "b 7:0 w", true],
    [["-a *:* rwm", "+b *:* rwm"], "b 1:2 rwm", true],
    // A later rule wins, also over part of what an earlier one covers.
    [["-a *:* rwm", "+b *:* rwm", "-b 8:0 w"], "b 8:0 w", false],
    [["-a *:* rwm", "+b *:* rwm", "-b 8:0 w"], "b 8:0 rw", false],
    [["-a *:* rwm", "+b *:* rwm", "-b 8:0 w"], "b 8:0 r", true],
    [["+a *:* rwm", "-b 8:0 rw"], "b 8:0 r", false],
    [["+a *:* rwm", "-b 8:0 rw"], "b 8:1 r", true],
    [["+a *:* rwm", "-b 8:0 rw", "+b 8:0 r"], "b 8:0 r", true],
    // Type "a" starts over, whatever its numbers.
    [["+b 8:0 rwm", "-a 1:2 r"], "b 8:0 r", false],
    [["-b 8:0 rwm", "+a *:* rwm"], "b 8:0 r", true],
    // What every container needs cannot be taken away.
    [["+a *:* rwm", "-c 1:3 rwm"], "c 1:3 rw", true],
    [["-a *:* rwm", "+c 4294967295:4294967295 r"], "c 4294967295:4294967295 r", true],
  ];
  for (const [rules, what, allowed] of table) {
    test(`${rules.join(", ") || "no rules"}: ${what} is ${allowed ? "allowed" : "refused"}`, () => {
      expect(verdict(rules, attempt(what))).toBe(allowed);
    });
  }

  test("a list that allows everything needs no program", () => {
    expect(allowsEverything(devicePolicy([rule("+a *:* rwm")]))).toBe(true);
    expect(allowsEverything(devicePolicy([rule("-a *:* rwm"), rule("+a *:* rwm")]))).toBe(true);
    expect(allowsEverything(devicePolicy([rule("+a *:* rwm"), rule("-b 8:0 r")]))).toBe(false);
    expect(allowsEverything(devicePolicy([]))).toBe(false);
  });

  test("rules that change nothing are left out", () => {
    const { rules } = devicePolicy(
      ["-a *:* rwm", "-c 9:9 r", "+c 1:3 rwm", "+b 8:0 r", "+b 8:0 rw"].map(rule),
    );
    expect(rules.filter((each) => each.type === "b" && each.major === 8)).toHaveLength(1);
    expect(rules.filter((each) => each.major === 9)).toHaveLength(0);
    expect(rules.filter((each) => each.major === 1 && each.minor === 3)).toHaveLength(1);
  });
});

/** The meaning of a list, without the cleverness: the last rule that matches decides, bit by bit. */
function expected(rules: LinuxDeviceCgroup[], { type, major, minor, access }: Attempt): boolean {
  const needed = ["+c *:* m", "+b *:* m", "+c 136:* rwm", "+c 10:200 rwm", "+c 5:0 rwm", "+c 5:2 rwm"];
  const memory = [3, 5, 7, 8, 9].map((n) => `+c 1:${n} rwm`);
  const list = [...rules, ...needed.map(rule), ...memory.map(rule)];
  return [...access].every((letter) => {
    const decisive = list.findLast(
      (each) =>
        each.type === "a" ||
        (each.type === type &&
          (each.major === -1 || each.major === major) &&
          (each.minor === -1 || each.minor === minor) &&
          each.access.includes(letter)),
    );
    return decisive?.allow ?? false;
  });
}

test("random lists: the program decides as the list reads", { timeout: 60_000 }, () => {
  let seed = 12345;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 16) % n;
  };
  const pick = <T>(values: readonly T[]): T => values[random(values.length)]!;
  const accesses = ["r", "w", "m", "rw", "rm", "wm", "rwm"];
  let decisions = 0;
  for (let i = 0; i < 150; i++) {
    const rules = Array.from({ length: random(9) }, () => ({
      allow: random(2) === 1,
      type: pick(["a", "b", "b", "b", "c", "c", "c"] as const),
      major: pick([-1, 1, 8, 136]),
      minor: pick([-1, 0, 3, 200]),
      access: pick(accesses),
    }));
    const policy = devicePolicy(rules);
    const program = deviceProgram(policy);
    for (const type of ["b", "c"] as const)
      for (const major of [1, 8, 10, 136])
        for (const minor of [0, 3, 200])
          for (const access of accesses) {
            const attempt = { type, major, minor, access };
            const wanted = expected(rules, attempt);
            if (run(program, attempt) !== wanted) expect.fail(JSON.stringify({ rules, attempt, wanted }));
            if (allowsEverything(policy) && !wanted) expect.fail(JSON.stringify({ rules, attempt }));
            decisions++;
          }
  }
  expect(decisions).toBe(150 * 2 * 4 * 3 * 7);
});
