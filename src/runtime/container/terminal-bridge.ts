/** A terminal of the caller's, connected with the terminal of a container. */
import { ReadStream } from "node:tty";
import type { Fd } from "../../linux/fd.ts";
import { MSG_DONTWAIT, receiveFd, SOCK_STREAM, socketpair } from "../../linux/socket.ts";
import { clearOnlcr, setWindowSize } from "../../linux/terminal.ts";

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
    this.sendEnd[Symbol.dispose]();
    this.#receiveEnd[Symbol.dispose]();
  }
}
