/** A terminal of the caller's, connected with the terminal of a container. */
import type { Fd } from "../../linux/fd.ts";
import { Terminal } from "./terminal.ts";

export class TerminalBridge implements Disposable {
  readonly #terminal = new Terminal();
  readonly #stack = new DisposableStack();
  #ended: Promise<void> = Promise.resolve();

  /** For the plan: what init sends the terminal's master to. */
  get sendEnd(): Fd {
    return this.#terminal.sendEnd;
  }

  /** Connects our stdin and stdout with the terminal that init has sent. */
  connect(): void {
    const { stdin, stdout } = process;
    const terminal = this.#terminal.open(stdout.isTTY ? "raw" : "cooked");
    if (stdin.isTTY) {
      stdin.setRawMode(true);
      this.#stack.defer(() => stdin.setRawMode(false));
    }
    if (stdout.isTTY) {
      const resize = (): void => this.#terminal.resize(stdout.rows, stdout.columns);
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
      // Where it is a file, it has no handle that could keep us running.
      (stdin as Partial<Pick<typeof stdin, "unref">>).unref?.();
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
    this.#terminal[Symbol.dispose]();
  }
}
