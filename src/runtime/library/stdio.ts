/** The standard streams of a process made by the library: pipes or a terminal with Node streams at our end, or fds. */
import { openSync } from "node:fs";
import { Socket } from "node:net";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { Fd } from "../../linux/fd.ts";
import { pipe } from "../../linux/receive.ts";
import { Terminal } from "../container/terminal.ts";

/**
 * For each of stdin, stdout, stderr: "pipe" gives a stream, "inherit" passes ours on, "ignore" is /dev/null,
 * a number is an open fd of the caller, which stays his. One word stands for all three.
 */
export type StdioOption = "pipe" | "inherit" | "ignore" | number;
export type StdioOptions = StdioOption | readonly [StdioOption, StdioOption, StdioOption];

/** Both ends of the three streams, until the process has its own copies of the far ones. */
export class Stdio {
  /** What the process gets as 0, 1 and 2; with a terminal, until that takes their place. */
  readonly fds: readonly [number, number, number];
  /** Our ends; null where the stream is not a pipe. A terminal is stdin and stdout, from `connect` on. */
  stdin: Writable | null;
  stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Whether nobody else has them: none is a stream of ours or of the caller. */
  readonly own: boolean;
  readonly #far: Fd[] = [];
  readonly #terminal: Terminal | undefined;

  constructor(options: StdioOptions | "terminal") {
    if (options === "terminal") this.#terminal = new Terminal();
    const each = options === "terminal" ? "ignore" : options;
    const [first, second, third] = typeof each === "object" ? each : [each, each, each];
    this.own = [first, second, third].every((option) => option === "pipe" || option === "ignore");
    const [stdin, fd0] = this.#stream(first, 0);
    const [stdout, fd1] = this.#stream(second, 1);
    const [stderr, fd2] = this.#stream(third, 2);
    this.fds = [fd0, fd1, fd2];
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** What the terminal's master is sent to, where there is to be one. */
  get console(): number | undefined {
    return this.#terminal?.sendEnd.n;
  }

  #stream(option: StdioOption, n: 0 | 1 | 2): [Socket | null, number] {
    if (option === "inherit") return [null, n];
    if (typeof option === "number") return [null, option];
    if (option === "ignore") {
      const fd = new Fd(openSync("/dev/null", n === 0 ? "r" : "w"));
      this.#far.push(fd);
      return [null, fd.n];
    }
    const [reader, writer] = pipe();
    const [near, far] = n === 0 ? [writer, reader] : [reader, writer];
    this.#far.push(far);
    const socket = new Socket({ fd: near.release(), readable: n !== 0, writable: n === 0 });
    // Writing to a process that does not read any more is the reader's business.
    if (n === 0) socket.on("error", () => {});
    return [socket, far.n];
  }

  /** The process has its ends now: ours must not keep them open, or nobody would ever see the end of output. */
  connect(): void {
    this.#closeFar();
    if (!this.#terminal) return;
    const stream = this.#terminal.open("cooked");
    const output = stream.pipe(new PassThrough(), { end: false });
    // EIO: the last process that had it open is gone, which for a reader is the end.
    stream.on("error", () => output.end());
    stream.on("close", () => output.end());
    this.stdin = stream;
    this.stdout = output;
  }

  /** @throws {TypeError} without a terminal */
  resize(rows: number, columns: number): void {
    if (!this.#terminal) throw new TypeError("the process has no terminal");
    this.#terminal.resize(rows, columns);
  }

  /** Nobody is there to write to any more; what is left to read can still be read. */
  close(): void {
    if (!this.#terminal) this.stdin?.destroy();
  }

  /** Closes everything, when there is no process after all. */
  destroy(): void {
    this.#closeFar();
    this.#terminal?.[Symbol.dispose]();
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.destroy();
  }

  #closeFar(): void {
    for (const fd of this.#far) fd[Symbol.dispose]();
    this.#terminal?.sendEnd[Symbol.dispose]();
  }
}
