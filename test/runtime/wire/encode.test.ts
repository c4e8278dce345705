import { describe, expect, test } from "vitest";
import {
  encodeProgram,
  headerSize,
  magic,
  maxArgs,
  maxOps,
  maxSlots,
  noSlot,
  opSize,
  type Program,
} from "../../../src/runtime/wire/encode.ts";
import { type Op, opNames, opTable, phases } from "../../../src/runtime/wire/ops.ts";

const empty: Program = {
  cloneFlags: 0,
  cgroup: null,
  stay: 0,
  dieWithRuntime: false,
  inherited: [],
  ops: { shim: [], parent: [], init: [], late: [] },
};

interface Decoded {
  readonly header: Record<string, number | bigint>;
  readonly counts: readonly number[];
  readonly ops: readonly {
    kind: string;
    phase: string;
    optional: boolean;
    otherwise: number;
    args: Record<string, unknown>;
  }[];
}

/** A second reading of the format, from its description alone. */
function decode(bytes: Buffer): Decoded {
  const u32 = (at: number): number => bytes.readUInt32LE(at);
  const counts = phases.map((_, i) => u32(36 + 4 * i));
  const total = counts.reduce((a, b) => a + b, 0);
  const data = headerSize + total * opSize;
  const text = (offset: number): string =>
    bytes.toString("utf8", data + offset, bytes.indexOf(0, data + offset));
  const value = (type: string, word: bigint): unknown => {
    const at = data + Number(word);
    if (type === "slot") return Number(word) === noSlot ? null : Number(word);
    if (type === "str") return text(Number(word));
    if (type === "strs") return Array.from({ length: u32(at) }, (_, i) => text(u32(at + 4 + 4 * i)));
    if (type === "bytes") return [...bytes.subarray(at, at + u32(at - 4))];
    return word;
  };
  const ops = Array.from({ length: total }, (_, i) => {
    const at = headerSize + i * opSize;
    const kind = opNames[bytes.readUInt16LE(at)]!;
    const args = Object.entries(opTable[kind].args).map(([name, type], n) => [
      name,
      value(type, bytes.readBigUInt64LE(at + 8 + 8 * n)),
    ]);
    return {
      kind,
      phase: phases[bytes.readUInt8(at + 2)]!,
      optional: bytes.readUInt8(at + 3) === 1,
      otherwise: u32(at + 4),
      args: Object.fromEntries(args) as Record<string, unknown>,
    };
  });
  const header = {
    magic: u32(0),
    size: u32(4),
    cloneFlags: bytes.readBigUInt64LE(8),
    stay: u32(16),
    dieWithRuntime: u32(20),
    cgroup: u32(24),
    inherited: u32(28),
    slots: u32(32),
    data: u32(52),
  };
  return { header, counts, ops };
}

const init = (...ops: Op[]): Program => ({ ...empty, ops: { ...empty.ops, init: ops } });
const only = (op: Op): Record<string, unknown> => decode(encodeProgram(init(op)).bytes).ops[0]!.args;

describe("the wire format of a plan", () => {
  test("the header says how long everything is", () => {
    const { bytes } = encodeProgram({
      ...init({ op: "setsid" }),
      cloneFlags: 0x7c02_0000,
      cgroup: "cg",
      stay: 2,
      dieWithRuntime: true,
      inherited: ["cg"],
    });
    const { header, counts } = decode(bytes);
    expect(header).toMatchObject({
      magic,
      size: bytes.length,
      cloneFlags: 0x7c02_0000n,
      stay: 2,
      dieWithRuntime: 1,
      cgroup: 0,
      inherited: 1,
      slots: 1,
      data: bytes.length - headerSize - opSize,
    });
    expect(counts).toEqual([0, 0, 1, 0]);
  });

  test("ops keep their order, phase by phase", () => {
    const { bytes, ops } = encodeProgram({
      ...empty,
      ops: {
        shim: [{ op: "undumpable" }],
        parent: [{ op: "write_proc", file: "uid_map", data: "0 0 1\n" }],
        init: [{ op: "setsid" }, { op: "ready" }],
        late: [{ op: "prlimit", resource: 7, soft: 1, hard: 2 }],
      },
    });
    const expected = ["undumpable", "write_proc", "setsid", "ready", "prlimit"];
    expect(ops.map(({ op }) => op)).toEqual(expected);
    expect(decode(bytes).ops.map(({ kind }) => kind)).toEqual(expected);
    expect(decode(bytes).ops.map(({ phase }) => phase)).toEqual(["shim", "parent", "init", "init", "late"]);
  });

  test("numbers are 64 bits wide, negative ones as two's complement", () => {
    expect(only({ op: "prlimit", resource: 1, soft: 2n ** 64n - 1n, hard: 2n ** 33n })).toEqual({
      resource: 1n,
      soft: 2n ** 64n - 1n,
      hard: 2n ** 33n,
    });
    expect(only({ op: "umask", mask: -1 })).toEqual({ mask: 2n ** 64n - 1n });
  });

  test("strings, lists and bytes come back as they were", () => {
    expect(only({ op: "exec", argv: ["sh", "", "ünï"], env: [] })).toEqual({
      argv: ["sh", "", "ünï"],
      env: [],
    });
    expect(only({ op: "seccomp", filter: Uint8Array.of(1, 0, 255), flags: 4 })).toEqual({
      filter: [1, 0, 255],
      flags: 4n,
    });
  });

  test("a body of bytes is aligned for the structs in it", () => {
    const { bytes } = encodeProgram(
      init({ op: "sethostname", name: "x" }, { op: "seccomp", filter: new Uint8Array(16), flags: 0 }),
    );
    const offset = Number(bytes.readBigUInt64LE(headerSize + opSize + 8));
    expect(offset % 8).toBe(0);
  });

  test("slots are numbered in the order in which they are named, inherited ones first", () => {
    const program: Program = {
      ...empty,
      inherited: ["fifo", "ns"],
      ops: {
        ...empty.ops,
        init: [
          { op: "open_tree", out: "tree", dir: null, path: "/", flags: 0 },
          { op: "move_mount", tree: "tree", path: "/x", make: 0, strict: 0 },
          { op: "keep_fds", first: null, count: 0, start: "fifo" },
        ],
      },
    };
    const { header, ops } = decode(encodeProgram(program).bytes);
    expect(header).toMatchObject({ inherited: 2, slots: 3 });
    expect(ops.map(({ args }) => args)).toMatchObject([
      { out: 2, dir: null },
      { tree: 2 },
      { first: null, start: 0 },
    ]);
  });

  test("fallbacks follow their op, which counts them; nested ones too", () => {
    const op: Op = {
      op: "sethostname",
      name: "a",
      optional: true,
      otherwise: [{ op: "sethostname", name: "b", otherwise: [{ op: "sethostname", name: "c" }] }],
    };
    const { ops } = decode(encodeProgram(init(op, { op: "ready" })).bytes);
    expect(ops.map(({ args, otherwise, optional }) => [args.name, otherwise, optional])).toEqual([
      ["a", 2, true],
      ["b", 1, false],
      ["c", 0, false],
      [undefined, 0, false],
    ]);
  });

  test("a string that comes twice is there once", () => {
    const once = encodeProgram(init({ op: "mkdir", path: "/a/long/path", mode: 0 })).bytes.length;
    const twice = encodeProgram(
      init({ op: "mkdir", path: "/a/long/path", mode: 0 }, { op: "mkdir", path: "/a/long/path", mode: 1 }),
    ).bytes.length;
    expect(twice - once).toBe(opSize);
  });

  test("more ops or fds than the shim has room for: a RangeError", () => {
    expect(() =>
      encodeProgram(init(...Array.from({ length: maxOps + 1 }, (): Op => ({ op: "setsid" })))),
    ).toThrow(RangeError);
    expect(() =>
      encodeProgram({ ...empty, inherited: Array.from({ length: maxSlots + 1 }, (_, i) => `s${i}`) }),
    ).toThrow(RangeError);
  });

  test("no op has more arguments than a row has words, and each has a phase", () => {
    for (const [name, { args, phases: allowed }] of Object.entries(opTable)) {
      expect(Object.keys(args).length, name).toBeLessThanOrEqual(maxArgs);
      expect(allowed.length, name).toBeGreaterThan(0);
    }
  });
});
