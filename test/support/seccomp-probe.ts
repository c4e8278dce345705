/** A process that loads a filter and makes system calls under it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CompiledSeccomp } from "../../src/runtime/seccomp/compile.ts";

/** How a call is made: through syscall(2), with the x32 bit, or through int 0x80. */
export interface ProbeCall {
  readonly abi: "x86_64" | "x32" | "x86" | "native";
  /** With the x32 bit. */
  readonly nr: number;
  readonly args?: readonly bigint[];
}

/** What came of it. */
export interface ProbeResult {
  readonly status: number | null;
  readonly signal: string | null;
  /** Per call: the result, or the negative errno. */
  readonly results: readonly number[];
  /** Numbers of the calls of which the listener was told. */
  readonly notified: readonly number[];
  readonly stderr: string;
}

/** The built C program and a directory for filters. */
export class SeccompProbe implements Disposable {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Undefined without a compiler. */
  static build(): SeccompProbe | undefined {
    const dir = mkdtempSync(join(tmpdir(), "runt-seccomp-"));
    const source = join(import.meta.dirname, "seccomp-probe.c");
    const { status } = spawnSync("gcc", [
      "-Wall",
      "-O1",
      "-fomit-frame-pointer",
      "-o",
      join(dir, "probe"),
      source,
    ]);
    if (status === 0) return new SeccompProbe(dir);
    rmSync(dir, { recursive: true });
    return undefined;
  }

  run({ filter, flags, listener }: CompiledSeccomp, calls: readonly ProbeCall[]): ProbeResult {
    const file = join(this.#dir, "filter");
    writeFileSync(file, filter);
    const specs = calls.map(({ abi, nr, args = [] }) => [abi, nr, ...args].join(":"));
    const argv = [file, String(flags), listener ? "notify" : "plain", ...specs];
    const { status, signal, stdout, stderr } = spawnSync(join(this.#dir, "probe"), argv, {
      encoding: "utf8",
    });
    const lines = stdout.split("\n").filter((l) => l !== "");
    const told = "notified ";
    return {
      status,
      signal,
      results: lines.filter((l) => !l.startsWith(told)).map(Number),
      notified: lines.filter((l) => l.startsWith(told)).map((l) => Number(l.slice(told.length))),
      stderr,
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true });
  }
}
