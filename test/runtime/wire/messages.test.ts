import { describe, expect, test } from "vitest";
import { exitCode, exitStatusOf } from "../../../src/runtime/create/exit-status.ts";
import { failureOf } from "../../../src/runtime/create/failure.ts";
import {
  decodeMessage,
  type Message,
  messageTypes,
  recordSize,
  recordTextOffset,
} from "../../../src/runtime/wire/messages.ts";
import type { Op } from "../../../src/runtime/wire/ops.ts";

/** A record as the shim writes it. */
function record(
  type: string,
  fields: { op?: number; value?: bigint; errno?: number; syscall?: string; text?: string },
): Buffer {
  const bytes = Buffer.alloc(recordSize);
  bytes.writeUInt32LE(messageTypes.indexOf(type as never), 0);
  bytes.writeUInt32LE(fields.op ?? 0, 4);
  bytes.writeBigInt64LE(fields.value ?? 0n, 8);
  bytes.writeInt32LE(fields.errno ?? 0, 16);
  const text = Buffer.from(fields.text ?? "");
  bytes.writeUInt32LE(text.length, 20);
  bytes.write(fields.syscall ?? "", 24, "latin1");
  text.copy(bytes, recordTextOffset);
  return bytes;
}

describe("a record of the shim", () => {
  test("comes back as it was", () => {
    const bytes = record("failed", { op: 12, value: -1n, errno: 22, syscall: "move_mount", text: "/däta" });
    expect(decodeMessage(bytes)).toEqual({
      type: "failed",
      op: 12,
      value: -1,
      errno: 22,
      syscall: "move_mount",
      text: "/däta",
    });
  });

  test("a length beyond the record is not believed", () => {
    const bytes = record("failed", { text: "short" });
    bytes.writeUInt32LE(0xffff_ffff, 20);
    expect(decodeMessage(bytes).text.length).toBe(recordSize - recordTextOffset);
  });

  test("a type that does not exist is a failure", () => {
    const bytes = record("ready", {});
    bytes.writeUInt32LE(99, 0);
    expect(decodeMessage(bytes).type).toBe("failed");
  });
});

describe("the exit of a process", () => {
  const CLD_EXITED = 1;
  const CLD_KILLED = 2;
  const CLD_DUMPED = 3;

  test("by itself, by a signal, with a core", () => {
    expect(exitStatusOf((CLD_EXITED << 8) | 7)).toEqual({ exited: 7 });
    expect(exitStatusOf((CLD_KILLED << 8) | 9)).toEqual({ signaled: "SIGKILL", signal: 9 });
    expect(exitStatusOf((CLD_DUMPED << 8) | 11)).toEqual({ signaled: "SIGSEGV", signal: 11 });
  });

  test("as a shell writes it", () => {
    expect(exitCode({ exited: 3 })).toBe(3);
    expect(exitCode({ signaled: "SIGTERM", signal: 15 })).toBe(143);
  });
});

describe("the error made of a record", () => {
  const message = (fields: Partial<Message>): Message => ({
    type: "failed",
    op: 0,
    value: 0,
    errno: 0,
    syscall: "",
    text: "",
    ...fields,
  });
  const error = (op: Op, fields: Partial<Message>): Error => failureOf("create", message(fields), [op]);

  test("says op, part of config.json, system call, path and reason", () => {
    const op: Op = { op: "move_mount", tree: "t", path: "/data", make: 0, strict: 0, at: "mounts[3]" };
    expect(error(op, { syscall: "move_mount", text: "/data", errno: 22 })).toMatchObject({
      name: "RuntError",
      kind: "InvalidArgument",
      message:
        "unable to start container process: error during container init: mounts[3]: move_mount /data: invalid argument (op 0)",
      site: { operation: "create", subject: "config.json: mounts[3]", syscall: "move_mount", code: "EINVAL" },
      cause: { code: "EINVAL", syscall: "move_mount", errno: -22 },
    });
  });

  for (const [errno, kind] of [
    [1, "PermissionDenied"],
    [2, "NotFound"],
    [13, "PermissionDenied"],
    [28, "Internal"],
    [38, "Unimplemented"],
  ] as const) {
    test(`errno ${errno} is ${kind}`, () => {
      expect(error({ op: "setsid" }, { syscall: "setsid", errno })).toMatchObject({ kind });
    });
  }

  test("a hook's output is one line", () => {
    const op: Op = {
      op: "hook",
      path: "/h",
      argv: [],
      env: [],
      before: "",
      after: "",
      timeout_ms: 0,
      at: "createContainer hook #2",
    };
    expect(error(op, { syscall: "hook", text: "/h: exit status 1: one\n  two\n", errno: 10 }).message).toBe(
      "unable to start container process: error running createContainer hook #2: /h: exit status 1: one; two",
    );
  });

  test("a program that is nowhere in PATH, in the words that callers match", () => {
    const op: Op = { op: "find_executable", candidates: ["/bin/foo", "/usr/bin/foo"], at: "process.args" };
    const exec: Op = { op: "exec", argv: ["foo"], env: [] };
    expect(failureOf("create", message({ syscall: "execve", errno: 2 }), [op, exec]).message).toBe(
      'unable to start container process: exec: "foo": executable file not found in $PATH',
    );
  });
});
