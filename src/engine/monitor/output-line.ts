/**
 * A container's output and its end, for a program that does nothing else meanwhile. What most such containers write has
 * been read before node:net and streams would be loaded; those come when one runs for longer.
 */
import { readSync, writeSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import { POLLIN, pollSync } from "../../linux/process.ts";
import { hasCode, SystemError } from "../../linux/system-error.ts";
import { Attach, type exitFields } from "../../runtime/wire/monitor.ts";
import { encodeFrame, type Frame, FrameReader, type Numbers } from "./frames.ts";
import { exitOf, type MonitorExit, readExit } from "./records.ts";
import { connectBlocking } from "./socket.ts";

export interface OutputOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** How long the thread is blocked at a time, before signals get their turn. */
const patienceMs = 20;
/** Without a word for so long it is worth a stream. */
const blockingMs = 100;

export class OutputLine implements Disposable {
  /** How the container ended; settled by `pass`. Rejects with Unavailable where the monitor hung up before. */
  readonly exited: Promise<MonitorExit>;
  readonly #settle = Promise.withResolvers<MonitorExit>();
  readonly #directory: string;
  readonly #reader = new FrameReader();
  readonly #frames: Frame[] = [];
  readonly #fd: Fd;
  #stream: (AsyncDisposable & AsyncIterator<Buffer>) | undefined;
  #blockedMs = 0;

  private constructor(fd: Fd, directory: string) {
    this.#fd = fd;
    this.#directory = directory;
    this.exited = this.#settle.promise;
    this.exited.catch(() => {});
  }

  /**
   * Nothing is missing that is written from now on: the container waits for us.
   * @param directory of the monitor's records
   * @throws {RuntError} NotFound where there is no monitor
   */
  static async open(directory: string, { stdout, stderr }: OutputOptions): Promise<OutputLine> {
    const line = new OutputLine(connectBlocking(directory), directory);
    const flags = Attach.waitForMe | (stdout ? Attach.output : 0) | (stderr ? Attach.errors : 0);
    writeSync(line.#fd.n, encodeFrame("attach", [flags]));
    const answer = await line.#next();
    if (!answer) throw hungUp();
    const { error } = answer.numbers as Numbers<"error">;
    if (error !== 0n) throw new SystemError("attach", Number(error));
    return line;
  }

  /**
   * Hands on what comes, until the container has ended.
   * @param write is waited for before the next piece is looked at
   */
  async pass(write: (stream: "stdout" | "stderr", bytes: Buffer) => Promise<void>): Promise<void> {
    let told = false;
    for (let frame = await this.#next(); frame; frame = await this.#next()) {
      const { name, numbers, data } = frame;
      if (name === "output") await write("stdout", data);
      else if (name === "errors") await write("stderr", data);
      else if (name === "exited") {
        this.#settle.resolve(exitOf(numbers as Numbers<(typeof exitFields)[number]>));
        told = true;
      }
    }
    if (told) return;
    const exit = readExit(this.#directory);
    if (exit) this.#settle.resolve(exit);
    else this.#settle.reject(hungUp());
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    void this.#stream?.[Symbol.asyncDispose]();
    this.#fd[Symbol.dispose]();
  }

  /** Undefined at the end. */
  async #next(): Promise<Frame | undefined> {
    while (this.#frames.length === 0) {
      const bytes = await (this.#blockedMs < blockingMs ? this.#look() : this.#event());
      if (!bytes) return undefined;
      this.#frames.push(...this.#reader.take(bytes));
    }
    return this.#frames.shift();
  }

  /** Blocks for a while; then whoever else has something to do may. @returns none or some bytes; undefined at the end */
  async #look(): Promise<Buffer | undefined> {
    if (pollSync(this.#fd.n, POLLIN, patienceMs) === 0) {
      this.#blockedMs += patienceMs;
      await new Promise((resolve) => setImmediate(resolve));
      return Buffer.alloc(0);
    }
    this.#blockedMs = 0;
    const buffer = Buffer.allocUnsafe(readBytes);
    try {
      const length = readSync(this.#fd.n, buffer);
      return length === 0 ? undefined : buffer.subarray(0, length);
    } catch (error) {
      if (hasCode(error, "ECONNRESET")) return undefined;
      throw error;
    }
  }

  async #event(): Promise<Buffer | undefined> {
    if (!this.#stream) {
      const { Socket } = process.getBuiltinModule("node:net");
      const socket = new Socket({ fd: this.#fd.release(), readable: true, writable: false });
      this.#stream = socket[Symbol.asyncIterator]();
    }
    try {
      const { value, done } = await this.#stream.next();
      return done ? undefined : value;
    } catch {
      return undefined; // a monitor that is gone is seen by its end
    }
  }
}

const readBytes = 64 << 10;

function hungUp(): RuntError {
  const site = { operation: "attach" };
  return new RuntError("Unavailable", "the monitor has hung up before the container ended", site);
}
