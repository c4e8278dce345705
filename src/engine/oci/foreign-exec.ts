/**
 * `exec` in a container of another OCI runtime, by that runtime: only it knows the way into what it has made. The
 * runtime stays as long as the process does, and tells how it ended.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { ReadStream } from "node:tty";
import { RuntError } from "../../errors.ts";
import { readProcessStat } from "../../linux/process.ts";
import { openPty } from "../../linux/pty.ts";
import { setWindowSize } from "../../linux/terminal.ts";
import type { ExitStatus } from "../../runtime/api.ts";
import { ContainerProcess } from "../../runtime/library/process.ts";
import { Stdio } from "../../runtime/library/stdio.ts";
import { stringifyJson } from "../../spec/runtime/json.ts";
import type { EngineContext } from "../context.ts";
import { foreignArgv } from "./foreign.ts";

export interface ForeignExec {
  readonly program: string;
  /** `process` of the runtime specification. */
  readonly process: object;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly consoleSize: { readonly width: number; readonly height: number } | undefined;
  readonly signal: AbortSignal | undefined;
}

/** How often it is looked whether the process is there. */
const lookMs = 5;

/** Resolves when its program runs. @throws {RuntError} with what the runtime says */
export async function execForeign(
  { layout }: EngineContext,
  id: string,
  request: ForeignExec,
): Promise<ContainerProcess> {
  request.signal?.throwIfAborted();
  const directory = mkdtempSync(join(layout.runRoot, id, "exec-"));
  const [file, pidFile, log] = ["process.json", "pid", "log"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const streams = request.tty ? new Terminal(request.consoleSize) : pipes(request.stdin);
  try {
    writeFileSync(file, stringifyJson({ ...request.process, terminal: request.tty }));
    const words = [
      "--log",
      log,
      "--log-format",
      "json",
      "exec",
      "--process",
      file,
      "--pid-file",
      pidFile,
      id,
    ];
    const [program, ...args] = foreignArgv(layout, id, request.program, words);
    const child = spawn(program, args, { stdio: [...streams.fds], env: process.env });
    const ended = new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? (signal ? 137 : 255)));
    });
    ended.catch(() => {});
    streams.connect();
    let over = false;
    void ended
      .catch(() => {})
      .then(() => {
        over = true;
      });
    // A short one may be over before anybody has looked; then its number is there all the same.
    while (textOf(pidFile) === "" && !over) await sleep(lookMs);
    const pid = Number(textOf(pidFile));
    if (pid === 0) {
      await ended;
      throw refusal(textOf(log));
    }
    streams.tell(child.pid!);
    return new ContainerProcess(
      {
        pid,
        startTime: readProcessStat(pid)?.startTime ?? 0,
        exited: async (): Promise<ExitStatus> => {
          const exited = await ended;
          rmSync(directory, { recursive: true, force: true });
          return { exited };
        },
        [Symbol.dispose]: () => {},
      },
      streams,
    );
  } catch (error) {
    streams.destroy();
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Starts one that nobody waits for. @throws as `execForeign` */
export async function execForeignDetached(
  { layout }: EngineContext,
  id: string,
  { program, process: asked }: Pick<ForeignExec, "program" | "process">,
): Promise<void> {
  const directory = mkdtempSync(join(layout.runRoot, id, "exec-"));
  try {
    const [file, log] = [join(directory, "process.json"), join(directory, "log")];
    writeFileSync(file, stringifyJson({ ...asked, terminal: false }));
    const words = ["--log", log, "--log-format", "json", "exec", "--detach", "--process", file, id];
    const [path, ...args] = foreignArgv(layout, id, program, words);
    const status = await new Promise<number | null>((resolve, reject) => {
      const child = spawn(path, args, { stdio: "ignore" });
      child.once("error", reject);
      child.once("exit", resolve);
    });
    if (status !== 0) throw refusal(textOf(log));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

/** The last error of the runtime's log; what names the program is told as the kernel would. */
function refusal(log: string): RuntError {
  const messages = log.split("\n").flatMap((line) => {
    try {
      const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
      return level === "error" && msg ? [msg] : [];
    } catch {
      return [];
    }
  });
  const what = messages.at(-1) ?? "the runtime has not said why";
  const code = /executable file .*not found|no such file or directory/i.test(what)
    ? "ENOENT"
    : /permission denied|is a directory|exec format/i.test(what)
      ? "EACCES"
      : undefined;
  return new RuntError("FailedPrecondition", what, {
    operation: "exec",
    ...(code && { syscall: "execve", code }),
  });
}

function pipes(stdin: boolean) {
  const stdio = new Stdio([stdin ? "pipe" : "ignore", "pipe", "pipe"]);
  return Object.assign(stdio, { tell: (_pid: number) => {} });
}

/** A terminal between us and the runtime, which makes another one in the container and copies. */
class Terminal {
  readonly fds: readonly [number, number, number];
  stdin: ReadStream | null = null;
  stdout: PassThrough | null = null;
  readonly stderr = null;
  readonly #pty = openPty();
  #fd = -1;
  #runtime = 0;

  constructor(size: ForeignExec["consoleSize"]) {
    const { n } = this.#pty.slave;
    this.fds = [n, n, n];
    if (size) setWindowSize(this.#pty.master, size.height, size.width);
  }

  connect(): void {
    this.#pty.slave[Symbol.dispose]();
    this.#fd = this.#pty.master.release();
    const stream = new ReadStream(this.#fd);
    const output = stream.pipe(new PassThrough(), { end: false });
    // EIO: nobody has the other end open any more.
    stream.on("error", () => output.end());
    stream.on("close", () => output.end());
    this.stdin = stream;
    this.stdout = output;
  }

  /** It is no terminal of the runtime's session, so that nobody else tells it of another size. */
  tell(runtime: number): void {
    this.#runtime = runtime;
  }

  resize(rows: number, columns: number): void {
    if (this.stdin?.destroyed !== false) return;
    setWindowSize(this.#fd, rows, columns);
    try {
      if (this.#runtime > 0) process.kill(this.#runtime, "SIGWINCH");
    } catch {} // it has ended
  }

  close(): void {}

  destroy(): void {
    this.#pty.slave[Symbol.dispose]();
    this.#pty.master[Symbol.dispose]();
    this.stdin?.destroy();
    this.stdout?.destroy();
  }
}
