/**
 * A container in the foreground: its streams are ours, our signals are its, and a terminal passes on every key but those
 * that detach. For `run`, `attach` and `start --attach`.
 */
import type { ReadStream } from "node:tty";
import type { Engine } from "../engine/engine.ts";
import { MonitorClient } from "../engine/monitor/client.ts";
import { DetachKeys, parseDetachKeys } from "../engine/monitor/detach-keys.ts";
import { RuntError } from "../errors.ts";
import { clearOnlcr } from "../linux/terminal.ts";
import { brokenPipeStatus, writeAll } from "./output.ts";
import { OutputQueue } from "./output-queue.ts";

/** @throws {RuntError} InvalidArgument */
export function detachKeysOf(text: string): Buffer {
  const keys = parseDetachKeys(text);
  if (keys) return keys;
  throw new RuntError("InvalidArgument", `--detach-keys ${JSON.stringify(text)}: not like "ctrl-p,ctrl-q"`, {
    operation: "attach",
  });
}

/** Two terminals in a row need one on our side. @throws {RuntError} FailedPrecondition */
export function checkTerminal(tty: boolean, stdin: boolean): void {
  if (!tty || !stdin || isTerminal(0)) return;
  throw new RuntError("FailedPrecondition", "the input device is not a TTY", {
    operation: "attach",
    hint: "leave out --tty or --interactive",
  });
}

/** Of the terminal that we write to; undefined where there is none. */
export function terminalSize(): { readonly width: number; readonly height: number } | undefined {
  if (!isTerminal(1)) return undefined;
  const [width, height] = process.stdout.getWindowSize();
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** Without node:tty where nobody asks. */
function isTerminal(fd: number): boolean {
  return process.getBuiltinModule("node:tty").isatty(fd);
}

/** An attachment, or a process of `exec`. */
export interface Streams {
  readonly stdin: NodeJS.WritableStream | null;
  readonly stdout: NodeJS.ReadableStream | null;
  readonly stderr: NodeJS.ReadableStream | null;
  readonly exited: Promise<unknown>;
}

export interface Foreground {
  /** Whether the container has a terminal. */
  readonly tty: boolean;
  readonly detachKeys: Buffer;
  /** Tells the container the size of our terminal, in characters. */
  readonly resize: (rows: number, columns: number) => Promise<void>;
}

/**
 * Passes everything on until the container has ended or we have detached. Our terminal is then as it was.
 * @returns "closed" where whoever reads our output has gone
 */
export async function bridge(
  attachment: Streams,
  { tty, detachKeys, resize }: Foreground,
): Promise<"ended" | "detached" | "closed"> {
  const queue = new OutputQueue();
  const closed = Promise.withResolvers<"closed">();
  const pass = (from: NodeJS.ReadableStream | null, fd: 1 | 2) =>
    from && written(from, queue.stream(fd), () => closed.resolve("closed"));
  const outputs = [pass(attachment.stdout, 1), pass(attachment.stderr, 2)];
  using terminal = tty ? ownTerminal(attachment.stdin !== null, resize) : undefined;
  const detached = attachment.stdin
    ? passInput(attachment.stdin, terminal ? detachKeys : Buffer.alloc(0))
    : new Promise<never>(() => {});
  const ended = Promise.all(outputs).then(async () => {
    await attachment.exited.catch(() => {});
    return "ended" as const;
  });
  const how = await Promise.race([ended, detached, closed.promise]);
  // docker's words; the shell's prompt would be in the middle of the container's line.
  const newline = terminal ? "\r\n" : "\n";
  if (how === "detached") writeAll(2, `${newline}read escape sequence${newline}`);
  return how;
}

/** Resolves when all of it is written. @param gone is called when nobody reads it any more */
function written(from: NodeJS.ReadableStream, to: NodeJS.WritableStream, gone: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    to.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") gone();
      else reject(error);
    });
    to.once("finish", () => resolve());
    from.pipe(to);
  });
}

/** Resolves when the keys to detach were typed. At the end of our input the container's ends too. */
function passInput(to: NodeJS.WritableStream, keys: Buffer): Promise<"detached"> {
  const watch = new DetachKeys(keys);
  return new Promise((resolve) => {
    const { stdin } = process;
    // The container has closed its end, or ended: that is said elsewhere.
    to.on("error", () => stdin.pause());
    stdin.on("data", (typed: Buffer) => {
      const { input, detach } = watch.feed(typed);
      if (input.length > 0 && to.writable && !to.write(input)) {
        stdin.pause();
        to.once("drain", () => stdin.resume());
      }
      if (!detach) return;
      stdin.pause();
      resolve("detached");
    });
    const end = () => {
      if (!to.writable) return;
      to.write(watch.rest());
      to.end();
    };
    stdin.once("end", end);
    // A terminal that is gone.
    stdin.once("error", end);
  });
}

/** Raw, if we type; its changes of size are passed on. */
function ownTerminal(types: boolean, resize: Foreground["resize"]): Disposable {
  const input = process.stdin as ReadStream;
  const isRaw = types && isTerminal(0);
  if (isRaw) {
    input.setRawMode(true);
    // Node leaves that on, and the container's terminal has done it already.
    clearOnlcr(0);
  }
  const tell = () => {
    const size = terminalSize();
    // One that has just ended needs no size.
    if (size) resize(size.height, size.width).catch(() => {});
  };
  process.on("SIGWINCH", tell);
  return {
    [Symbol.dispose]() {
      process.off("SIGWINCH", tell);
      if (isRaw) input.setRawMode(false);
    },
  };
}

/** Over a line of its own to the monitor. */
export async function resizeContainer(
  engine: Engine,
  id: string,
  rows: number,
  columns: number,
): Promise<void> {
  using monitor = await MonitorClient.connect(engine.context.layout.container(id));
  await monitor.resize(rows, columns);
}

/** Exit status of a client that goes before the container ends. */
export const statusWithoutEnd = { detached: 0, closed: brokenPipeStatus } as const;
