import { openSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  BPF_CGROUP_DEVICE,
  BPF_PROG_TYPE_CGROUP_DEVICE,
  bpfProgAttach,
  bpfProgGetFdById,
  bpfProgLoad,
} from "../../src/linux/bpf.ts";
import { Fd } from "../../src/linux/fd.ts";
import { O_CLOEXEC } from "../../src/linux/openat2.ts";

const isRoot = process.getuid?.() === 0;
const type = BPF_PROG_TYPE_CGROUP_DEVICE;
const name = "runt_test";
const returnOne = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

describe.skipIf(!isRoot)("bpf(2) [needs root]", () => {
  test("a program that the verifier accepts becomes an fd", () => {
    using program = bpfProgLoad({ type, instructions: returnOne, name });
    expect(program.n).toBeGreaterThan(2);
  });

  test("one that it refuses is an error with the verifier's words", () => {
    const instructions = returnOne.subarray(8);
    expect(() => bpfProgLoad({ type, instructions, name })).toThrow(/R0 !read_ok.*permission denied/);
  });

  test("what is no cgroup cannot have a program", () => {
    using program = bpfProgLoad({ type, instructions: returnOne, name });
    using target = new Fd(openSync("/dev/null", "r"));
    expect(() => bpfProgAttach(target, program, BPF_CGROUP_DEVICE)).toThrow(
      expect.objectContaining({ name: "SystemError", code: "EBADF" }),
    );
  });

  test("a program id that nobody has", () => {
    expect(() => bpfProgGetFdById(0x7fff_ffff)).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  test("the fd is close-on-exec", () => {
    using program = bpfProgLoad({ type, instructions: returnOne, name });
    const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${program.n}`, "utf8"))?.[1];
    expect(Number.parseInt(flags ?? "", 8) & O_CLOEXEC).toBe(O_CLOEXEC);
  });
});
