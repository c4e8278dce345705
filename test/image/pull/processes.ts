/** Starts processes that pull. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { compiled } from "../../support/compiled.ts";
import type { PullOrder, PullResult } from "./pull-process.ts";

/** The program. */
export const pullProgram = compiled(join(import.meta.dirname, "pull-process.ts"));

/** One that runs; killed when disposed of. */
export class PullProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, null>;
  readonly #exited: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;

  /** @param wrapper words before node's */
  constructor(order: PullOrder, wrapper: readonly string[] = []) {
    const [command, ...args] = [...wrapper, process.execPath, pullProgram, JSON.stringify(order)];
    this.#child = spawn(command!, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#exited = once(this.#child, "exit");
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Waits until the store is open and the pull begins. */
  async begins(): Promise<void> {
    const { value } = await this.#lines.next();
    if (value !== "begins") throw new Error(`the process said ${value}`);
  }

  /** After `begins`. */
  async result(): Promise<PullResult> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the process ended without a result");
    return JSON.parse(value) as PullResult;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }
}
