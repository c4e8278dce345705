/** What stands between a person and a process in the foreground: signals one way, a terminal both ways. */
import { constants } from "node:os";
import { ReadStream } from "node:tty";
import { RuntError } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import { MSG_DONTWAIT, receiveFd, SOCK_STREAM, socketpair } from "../../linux/socket.ts";
import { clearOnlcr, setWindowSize } from "../../linux/terminal.ts";

/** Not passed on: what cannot be caught, what tells of our own children, and what the terminal handling takes. */
const kept = new Set(["SIGKILL", "SIGSTOP", "SIGCHLD", "SIGURG", "SIGWINCH", "SIGPROF"]);

/** Calls `send` with the number of every signal that we get. Dispose to be signalled oneself again. */
export function forwardSignals(send: (signal: number) => void): Disposable {
  const stack = new DisposableStack();
  for (const [name, number] of Object.entries(constants.signals)) {
    if (kept.has(name)) continue;
    const listener = (): void => send(number);
    try {
      process.on(name, listener);
      stack.defer(() => process.off(name, listener));
    } catch {
      // A synonym, or a signal that this Node does not let anybody catch.
    }
  }
  return stack;
}

/** Aborts when somebody wants us to end, so that what is half made is taken away again. */
export function abortOnTermination(operation: string): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const stack = new DisposableStack();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
    const listener = (): void => controller.abort(new RuntError("Unavailable", `interrupted by ${name}`, { operation }));
    process.once(name, listener);
    stack.defer(() => process.off(name, listener));
  }
  return { signal: controller.signal, [Symbol.dispose]: () => stack.dispose() };
}

/** Our end of a container's terminal. */
export class TerminalBridge implements Disposable {
  /** For the plan: what init sends the terminal's master to. */
  readonly sendEnd: Fd;
  readonly #receiveEnd: Fd;
  #stack = new DisposableStack();
  #ended: Promise<void> = Promise.resolve();

  constructor() {
    [this.#receiveEnd, this.sendEnd] = socketpair(SOCK_STREAM);
  }

  /** Connects our stdin and stdout with the terminal that init has sent. */
  connect(): void {
    const master = receiveFd(this.#receiveEnd, MSG_DONTWAIT);
    const fd = master.release();
    if (process.stdout.isTTY) clearOnlcr(fd);
    const terminal = new ReadStream(fd);
    this.#stack.defer(() => terminal.destroy());
    const { stdin, stdout } = process;
    if (stdin.isTTY) {
      stdin.setRawMode(true);
      this.#stack.defer(() => stdin.setRawMode(false));
    }
    if (stdout.isTTY) {
      const resize = (): void => setWindowSize(fd, stdout.rows, stdout.columns);
      resize();
      process.on("SIGWINCH", resize);
      this.#stack.defer(() => process.off("SIGWINCH", resize));
    }
    const input = (bytes: Buffer): void => {
      terminal.write(bytes);
    };
    // The end of a pipe is the end of input: ^D says so to a terminal's reader.
    const end = (): void => {
      terminal.write("\x04");
    };
    stdin.on("data", input);
    stdin.on("end", end);
    this.#stack.defer(() => {
      stdin.off("data", input);
      stdin.off("end", end);
      stdin.pause();
      stdin.unref();
    });
    this.#ended = new Promise((resolve) => {
      terminal.on("data", (bytes: Buffer) => stdout.write(bytes));
      // EIO: the last process that had it open is gone.
      terminal.on("error", () => resolve());
      terminal.on("close", () => resolve());
    });
  }

  /** Waits for the last of the output, but not for processes that hold the terminal for ever. */
  async drained(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, 500);
    });
    await Promise.race([this.#ended, patience]);
    clearTimeout(timer);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
    this.sendEnd[Symbol.dispose]();
    this.#receiveEnd[Symbol.dispose]();
  }
}
