/** The plan's decoder against plans that are wrong: each is refused with a reason, or is sound to its last byte. */

import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { Fd } from "../../src/linux/fd.ts";
import { Bytes, call, check, I32, I64, syscall, Text, U32 } from "../../src/linux/ffi.ts";
import { nativePath } from "../../src/linux/native.ts";
import { reapChild } from "../../src/linux/process.ts";
import { sendFds } from "../../src/linux/socket.ts";
import { Conversation } from "../../src/runtime/create/conversation.ts";
import { planBundle } from "../../src/runtime/index.ts";
import {
  encodeProgram,
  headerSize,
  maxOps,
  noSlot,
  opSize,
  type Program,
} from "../../src/runtime/wire/encode.ts";
import type { Message } from "../../src/runtime/wire/messages.ts";
import { opNames, opTable } from "../../src/runtime/wire/ops.ts";
import { Sandbox } from "../safety/containers.ts";
import { makeNative } from "../support/native-build.ts";
import { Random } from "./random.ts";

const seed = Number(process.env.RUNT_FUZZ_SEED ?? 1);
const rounds = Number(process.env.RUNT_FUZZ_ROUNDS ?? 20_000);

/** One op of every kind, in every phase that it may be in. */
function everyOp(): Program {
  const ops: Record<string, unknown[]> = { shim: [], parent: [], init: [], late: [] };
  for (const name of opNames) {
    const { phases, args } = opTable[name];
    const values = Object.entries(args).map(([key, type], i) => [
      key,
      {
        num: i,
        slot: i % 2 ? `slot${i}` : null,
        str: `${name}.${key}`,
        strs: ["a", "", `b${i}`],
        bytes: Buffer.alloc(8 * i, 7),
      }[type],
    ]);
    for (const phase of phases)
      ops[phase]!.push({
        op: name,
        ...Object.fromEntries(values),
        ...(name === "fsmount" ? { otherwise: [{ op: "umount", path: "/x" }] } : {}),
      });
  }
  // `umount` belongs to init only, so that is where a fallback of it can be.
  for (const phase of ["shim", "parent", "late"])
    for (const op of ops[phase]!) delete (op as { otherwise?: unknown }).otherwise;
  return {
    cloneFlags: 0x7c02_0000,
    cgroup: "cgroup",
    stay: 2,
    dieWithRuntime: true,
    inherited: ["cgroup", "slot1"],
    ops,
  } as unknown as Program;
}

/** A usual container's program, as create makes it. */
async function usual(): Promise<Buffer> {
  await using sandbox = new Sandbox();
  const { config } = sandbox;
  config.hostname = "box";
  config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 64, hard: 64 }];
  config.process.capabilities = { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] };
  config.linux.maskedPaths = ["/proc/kcore", "/sys/firmware"];
  config.linux.readonlyPaths = ["/proc/sys"];
  config.hooks = { createContainer: [{ path: "/bin/true", args: ["true", "x"], env: ["A=b"], timeout: 3 }] };
  config.linux.seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["reboot"], action: "SCMP_ACT_ERRNO" }],
  };
  sandbox.write();
  return encodeProgram((await planBundle(sandbox.bundle, { context: sandbox.context })).program).bytes;
}

/** Changes one thing in a plan. Offsets are those of the chart in encode.ts. */
function mutate(random: Random, plan: Buffer): Buffer {
  let bytes = Buffer.from(plan);
  const ops = Math.floor((bytes.length - headerSize - bytes.readUInt32LE(52)) / opSize);
  const data = headerSize + ops * opSize;
  const fixSize = (): void => void bytes.writeUInt32LE(bytes.length, 4);
  const op = headerSize + random.below(ops) * opSize;
  const argument = op + 8 + 8 * random.below(6);
  const kinds: (() => void)[] = [
    () =>
      bytes.writeUInt8(
        bytes.readUInt8(random.below(bytes.length)) ^ (1 << random.below(8)),
        random.below(bytes.length),
      ),
    () => bytes.writeUInt32LE(random.interesting(), 4 * random.below(headerSize / 4)),
    () => bytes.writeUInt32LE(random.interesting(), 36 + 4 * random.below(5)),
    () => bytes.writeUInt16LE(random.below(opNames.length + 4), op),
    () => bytes.writeUInt8(random.below(6), op + 2),
    () => bytes.writeUInt32LE(random.interesting(), op + 4),
    () =>
      bytes.writeBigUInt64LE(
        BigInt(random.interesting()) | (random.below(4) === 0 ? 1n << 32n : 0n),
        argument,
      ),
    // Inside the data, so that it is accepted more often: overlapping lists, strings, bytes.
    () => bytes.writeBigUInt64LE(BigInt(random.below(bytes.length - data + 8)), argument),
    () => bytes.writeBigUInt64LE(BigInt(random.below(bytes.length - data) & ~3), argument),
    () => bytes.writeBigUInt64LE(BigInt(bytes.length - data - random.below(16)), argument),
    () => bytes.writeBigUInt64LE(BigInt([0, 1, noSlot, 511, 512, 513][random.below(6)]!), argument),
    // A length or an offset in the data.
    () =>
      bytes.writeUInt32LE(
        random.interesting(),
        Math.min(data + 4 * random.below((bytes.length - data) / 4), bytes.length - 4),
      ),
    () =>
      bytes.writeUInt32LE(
        random.below(bytes.length - data + 4),
        Math.min(data + 4 * random.below((bytes.length - data) / 4), bytes.length - 4),
      ),
    // No NUL at the end, or none at all.
    () => bytes.fill(0x41, bytes.length - 1 - random.below(16)),
    () => bytes.fill(0x41, data),
    () => {
      bytes = bytes.subarray(0, random.below(bytes.length));
      if (bytes.length >= headerSize && random.below(2)) fixSize();
    },
    () => {
      const less = random.below(bytes.length - data);
      bytes = bytes.subarray(0, bytes.length - less);
      bytes.writeUInt32LE(bytes.length - data, 52);
      fixSize();
    },
    () => {
      bytes = Buffer.concat([bytes, Buffer.alloc(random.below(64), random.below(256))]);
      bytes.writeUInt32LE(bytes.length - data, 52);
      fixSize();
    },
    () => bytes.copy(bytes, op, headerSize, headerSize + opSize),
    () => bytes.copy(bytes, random.below(bytes.length), random.below(bytes.length)),
  ];
  for (let n = 1 + random.below(3); n > 0 && bytes.length > headerSize + opSize; n--) {
    try {
      kinds[random.below(kinds.length)]!();
    } catch (error) {
      // An earlier change has cut off what this one wanted to change.
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return bytes;
}

/** What the decoder says to each of them, under the sanitizers; throws when one of them ends it. */
function decodeAll(plans: readonly Uint8Array[]): string[] {
  const framed = plans.flatMap((plan) => [Buffer.from(Uint32Array.of(plan.length).buffer), plan]);
  const { stdout, stderr, status, signal } = spawnSync(nativePath("check-decode"), {
    input: Buffer.concat(framed),
    encoding: "utf8",
    maxBuffer: 1 << 26,
    env: { ASAN_OPTIONS: "allocator_may_return_null=1" },
  });
  const answers = stdout.split("\n").slice(0, -1);
  if (status !== 0)
    throw new Error(`seed ${seed}, plan ${answers.length}: ${signal ?? status}: ${stderr.slice(0, 2000)}`);
  return answers;
}

interface Answer {
  readonly message: Message | undefined;
}

/** Gives a plan to the shim itself. Only for plans that it must refuse: it would carry out any other. */
async function ask(planFd: number, shim = "runt-shim-sanitized"): Promise<Answer> {
  const null_ = openSync("/dev/null", "r+");
  const socket = new Int32Array(1);
  using executable = new Fd(check(call("runt_seal", [Text], [nativePath(shim)]), "memfd_create"));
  const types = [I32, Bytes] as const;
  const handle = call("runt_spawn_begin", types, [executable.n, new Uint8Array(socket.buffer)]);
  const ours = new Fd(socket[0]!);
  sendFds(ours, Uint8Array.of(0), [null_, null_, 2, planFd]);
  const pid = check(call("runt_spawn_end", [I64], [check(handle, "pthread_create")]), "execveat");
  closeSync(null_);
  const conversation = new Conversation(ours, "events");
  const message = await conversation.next();
  conversation[Symbol.dispose]();
  reapChild(pid);
  return { message };
}

function sealed(bytes: Uint8Array): Fd {
  return new Fd(check(call("runt_memfd", [Text, Bytes, I32], ["plan", bytes, bytes.length]), "memfd_create"));
}

const EBADMSG = 74;
/** Numbers of system calls that only this test makes. */
const [memfd_create, ftruncate] = process.arch === "arm64" ? [279, 46] : [319, 77];
const refused = (text: string): object => ({
  message: expect.objectContaining({ type: "failed", syscall: "decode", errno: EBADMSG, text }),
});

describe("the plan's decoder — native-shims/decode.c", () => {
  let every: Buffer;
  let plans: Buffer[];

  beforeAll(async () => {
    makeNative("check-decode", "sanitized");
    every = encodeProgram(everyOp()).bytes;
    plans = [every, await usual()];
  }, 120_000);

  test("whole plans are accepted", () => {
    expect(decodeAll(plans)).toEqual(["ok", "ok"]);
  });

  test("every prefix of a plan is refused", () => {
    const prefixes = Array.from({ length: every.length }, (_, n) => Buffer.from(every.subarray(0, n)));
    expect(decodeAll(prefixes)).not.toContain("ok");
    // The same with a size that is right.
    for (const prefix of prefixes) if (prefix.length >= headerSize) prefix.writeUInt32LE(prefix.length, 4);
    expect(decodeAll(prefixes)).not.toContain("ok");
  });

  test(`${rounds} plans with something wrong in them: refused with a reason, or sound`, {
    timeout: 120_000,
  }, () => {
    const random = new Random(seed);
    const answers = new Map<string, number>();
    for (let done = 0; done < rounds; done += 500) {
      const batch = Array.from({ length: 500 }, () => mutate(random, plans[random.below(plans.length)]!));
      for (const answer of decodeAll(batch)) answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
    // A mutator that no longer reaches a check is worth nothing.
    for (const reason of [
      "ok",
      "not a plan, or one of another build of runt",
      "wrong size",
      "clone flags that are not namespaces",
      "unknown mode",
      "too many slots",
      "cgroup slot out of range",
      "too many ops",
      "sections do not add up",
      "data does not end in NUL",
      "unknown op",
      "op in a phase that is not its own",
      "fallback out of range",
      "slot out of range",
      "string out of range",
      "bytes out of range",
      "list out of range",
      "list too long",
      "string of a list out of range",
    ]) {
      expect(answers.get(reason) ?? 0, reason).toBeGreaterThan(0);
    }
  });

  test("lists that are counted many times over: refused, not overflowing", () => {
    // 4096 ops that all name the same long list.
    const words = Array.from({ length: 20_000 }, () => "x");
    const op = { op: "find_executable", candidates: words } as const;
    const one = encodeProgram({
      ...everyOp(),
      cgroup: null,
      inherited: [],
      ops: { shim: [], parent: [], init: [op], late: [] },
    }).bytes;
    const row = one.subarray(headerSize, headerSize + opSize);
    const header = Buffer.from(one.subarray(0, headerSize));
    const data = one.subarray(headerSize + opSize);
    header.writeUInt32LE(maxOps, 36 + 4 * 2);
    const bytes = Buffer.concat([header, ...Array.from({ length: maxOps }, () => row), data]);
    bytes.writeUInt32LE(bytes.length, 4);
    expect(decodeAll([bytes])).toEqual(["lists too long"]);
  });

  test("what the decoder refuses, the shim refuses, with the same words in a record", {
    timeout: 60_000,
  }, async () => {
    const random = new Random(seed + 1);
    const batch = Array.from({ length: 200 }, () => mutate(random, plans[random.below(plans.length)]!));
    const wrong = decodeAll(batch).flatMap((answer, i) =>
      answer === "ok" || batch[i]!.length === 0 ? [] : [{ answer, plan: batch[i]! }],
    );
    expect(wrong.length).toBeGreaterThan(50);
    for (const { answer, plan } of wrong.slice(0, 60)) {
      using memory = sealed(plan);
      expect(await ask(memory.n)).toEqual(refused(answer));
    }
  });
});

describe("the shim's plan — native-shims/main.c", () => {
  for (const shim of ["runt-shim", "runt-shim-sanitized"]) {
    test(`${shim}: an empty plan`, async () => {
      using memory = sealed(new Uint8Array(0));
      expect(await ask(memory.n, shim)).toEqual(refused("the plan has no size"));
    });

    test(`${shim}: a plan that is no memfd`, async () => {
      const file = openSync("/proc/self/exe", "r");
      try {
        expect(await ask(file, shim)).toEqual(refused("the plan is not sealed"));
      } finally {
        closeSync(file);
      }
    });

    test(`${shim}: a plan that could still be changed`, async () => {
      // With MFD_ALLOW_SEALING, and no seal.
      using memory = new Fd(check(syscall(memfd_create, [Text, U32], ["plan", 2]), "memfd_create"));
      check(syscall(ftruncate, [I32, I64], [memory.n, 4096]), "ftruncate");
      expect(await ask(memory.n, shim)).toEqual(refused("the plan is not sealed"));
    });

    test(`${shim}: a plan larger than any`, async () => {
      const giant = Buffer.alloc((64 << 20) + 1);
      using memory = sealed(giant);
      expect(await ask(memory.n, shim)).toEqual(refused("the plan has no size"));
    });
  }

  test("started by hand, without a socket: ends, and does nothing", () => {
    const { status, signal } = spawnSync(nativePath("runt-shim"), { stdio: "ignore" });
    expect({ status, signal }).toEqual({ status: 1, signal: null });
  });
});
