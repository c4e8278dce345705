/** A process in a container, as a program holds it: streams, a pid, and how it ends. */
import type { Readable, Writable } from "node:stream";
import type { ExitStatus } from "../api.ts";
import { signalProcess } from "../container/kill.ts";
import type { Launched } from "../create/launch.ts";
import { signalNumber } from "./signal.ts";
import type { Stdio } from "./stdio.ts";

/** What a process is known by, whoever has started it. */
type Started = Pick<Launched, "pid" | "startTime" | "exited" | typeof Symbol.dispose>;
type Streams = Pick<Stdio, "stdin" | "stdout" | "stderr" | "resize" | "close">;

export class ContainerProcess implements AsyncDisposable {
  /** On the host. */
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly #launched: Started;
  readonly #stdio: Streams;
  readonly #exit: Promise<ExitStatus>;

  /** Takes over `launched`. */
  constructor(launched: Started, stdio: Streams) {
    this.pid = launched.pid;
    this.stdin = stdio.stdin;
    this.stdout = stdio.stdout;
    this.stderr = stdio.stderr;
    this.#launched = launched;
    this.#stdio = stdio;
    this.#exit = launched.exited();
    this.#exit.catch(() => {});
  }

  /** How it ended. @throws {RuntError} Unavailable when its shim was killed */
  wait(): Promise<ExitStatus> {
    return this.#exit;
  }

  /** Size of its terminal in characters. @throws {TypeError} where it has none */
  resize(rows: number, columns: number): void {
    this.#stdio.resize(rows, columns);
  }

  /** @returns false when it has ended already */
  kill(signal: NodeJS.Signals | number = "SIGTERM"): boolean {
    return signalProcess({ pid: this.pid, startTime: this.#launched.startTime }, signalNumber(signal));
  }

  /** Kills it, and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.#exit.catch(() => {});
    this.#launched[Symbol.dispose]();
    this.#stdio.close();
  }
}
