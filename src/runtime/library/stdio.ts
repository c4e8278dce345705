/** The standard streams of a process made by the library: pipes with a Node stream at our end, or fds as they are. */
import { openSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import type { Fd } from "../../linux/fd.ts";
import { Fd as OwnedFd } from "../../linux/fd.ts";
import { pipe } from "../../linux/receive.ts";

/**
 * For each of stdin, stdout, stderr: "pipe" gives a stream, "inherit" passes ours on, "ignore" is /dev/null,
 * a number is an open fd of the caller, which stays his. One word stands for all three.
 */
export type StdioOption = "pipe" | "inherit" | "ignore" | number;
export type StdioOptions = StdioOption | readonly [StdioOption, StdioOption, StdioOption];

/** Both ends of the three streams, until the process has its own copies of the far ones. */
export class Stdio implements Disposable {
  /** What the process gets as 0, 1 and 2. */
  readonly fds: readonly [number, number, number];
  /** Our ends; null where the stream is not a pipe. The caller destroys them or lets them end. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly #far: Fd[] = [];
  #null: Fd | undefined;

  constructor(options: StdioOptions) {
    const [first, second, third] = typeof options === "object" ? options : [options, options, options];
    const [stdin, in0] = this.#stream(first, 0);
    const [stdout, out1] = this.#stream(second, 1);
    const [stderr, out2] = this.#stream(third, 2);
    this.fds = [in0, out1, out2];
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  #stream(option: StdioOption, n: 0 | 1 | 2): [Socket | null, number] {
    if (option === "inherit") return [null, n];
    if (typeof option === "number") return [null, option];
    if (option === "ignore") {
      if (!this.#null) {
        this.#null = new OwnedFd(openSync("/dev/null", "r+"));
        this.#far.push(this.#null);
      }
      return [null, this.#null.n];
    }
    const [reader, writer] = pipe();
    const [near, far] = n === 0 ? [writer, reader] : [reader, writer];
    this.#far.push(far);
    const socket = new Socket({ fd: near.release(), readable: n !== 0, writable: n === 0 });
    // Writing to a process that does not read any more is the reader's business.
    if (n === 0) socket.on("error", () => {});
    return [socket, far.n];
  }

  /** Closes the far ends: the process has them now, and a reader at ours must see the end of output. */
  [Symbol.dispose](): void {
    for (const fd of this.#far) fd[Symbol.dispose]();
  }

  /** Closes our ends too, when there is no process after all. */
  destroy(): void {
    this[Symbol.dispose]();
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.destroy();
  }
}
