/** One more process in a container, as a program holds it. */
import type { Readable, Writable } from "node:stream";
import { exitCode } from "../../runtime/create/exit-status.ts";
import type { ContainerProcess } from "../../runtime/library/process.ts";
import type { ExecRequest } from "../container/exec.ts";
import { outputsOf } from "../container/output-end.ts";
import { type Environment, environmentOf } from "./environment.ts";
import type { Input } from "./input.ts";
import { collect, defaultMaxOutputBytes } from "./output.ts";

export interface SpawnOptions {
  /** Over the container's. */
  readonly env?: Environment | undefined;
  readonly user?: string | number | undefined;
  readonly workdir?: string | undefined;
  /** A terminal of its own: all output is stdout then. */
  readonly tty?: boolean | undefined;
  readonly consoleSize?: { readonly width: number; readonly height: number } | undefined;
  /** Whether there is a stdin to write to. */
  readonly stdin?: boolean | undefined;
  /** With all capabilities that there are. */
  readonly privileged?: boolean | undefined;
  /** Kills it. */
  readonly signal?: AbortSignal | undefined;
}

export interface ExecOptions extends Omit<SpawnOptions, "stdin"> {
  /** What it reads; without it stdin is at its end from the start. */
  readonly input?: Input | undefined;
  /** Of stdout and stderr together; more of it, and it is killed. 64 MiB by default. */
  readonly maxOutputBytes?: number | undefined;
}

export interface ExecResult {
  /** What a shell would have in `$?`. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the engine is asked for. */
export function execRequest(command: readonly string[] | string, options: SpawnOptions): ExecRequest {
  const { env, user, workdir, tty, consoleSize, stdin, privileged, signal } = options;
  return {
    args: typeof command === "string" ? [command] : command,
    env: environmentOf(env, "exec"),
    user: user === undefined ? undefined : String(user),
    workingDir: workdir,
    tty,
    consoleSize,
    stdin,
    privileged,
    // Whoever holds its streams is all that it is for.
    dieWithUs: true,
    signal,
  };
}

/** Disposed of, it is killed. */
export class ExecProcess implements AsyncDisposable {
  /** On the host. */
  readonly pid: number;
  readonly stdin: Writable | null;
  /** Both end with the program, whatever it has left running in the background. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly #process: ContainerProcess;
  readonly #exit: Promise<number>;

  /** Takes over `process`. */
  constructor(process: ContainerProcess, signal?: AbortSignal) {
    const outputs = outputsOf(process);
    this.pid = process.pid;
    this.stdin = process.stdin;
    this.stdout = outputs.stdout;
    this.stderr = outputs.stderr;
    this.#process = process;
    const abort = (): void => void process.kill("SIGKILL");
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    this.#exit = process.wait().then((status) => {
      signal?.removeEventListener("abort", abort);
      signal?.throwIfAborted();
      return exitCode(status);
    });
    this.#exit.catch(() => {});
  }

  /** What a shell would have in `$?`. @throws the signal's reason */
  wait(): Promise<number> {
    return this.#exit;
  }

  /** Everything it writes, until it ends. @throws the signal's reason */
  async result(maxOutputBytes: number = defaultMaxOutputBytes): Promise<ExecResult> {
    const output = await collect(this, maxOutputBytes, () => this.kill("SIGKILL"));
    return { exitCode: await this.#exit, ...output };
  }

  /** @returns false when it has ended already */
  kill(signal: NodeJS.Signals | number = "SIGTERM"): boolean {
    return this.#process.kill(signal);
  }

  /** Size of its terminal in characters. @throws {TypeError} where it has none */
  resize(rows: number, columns: number): void {
    this.#process.resize(rows, columns);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
