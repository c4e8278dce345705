/** A container's terminal, from our side: the master that init makes and sends. */
import { ReadStream } from "node:tty";
import type { Fd } from "../../linux/fd.ts";
import { MSG_DONTWAIT, receiveFd, SOCK_STREAM, socketpair } from "../../linux/socket.ts";
import { clearOnlcr, setWindowSize } from "../../linux/terminal.ts";

export class Terminal implements Disposable {
  /** For the plan: what init sends the master to. */
  readonly sendEnd: Fd;
  readonly #receiveEnd: Fd;
  #fd = -1;
  #stream: ReadStream | undefined;

  constructor() {
    [this.#receiveEnd, this.sendEnd] = socketpair(SOCK_STREAM);
  }

  /**
   * Takes the master, once init is ready. What is written to the stream is typed at the terminal; what it reads
   * is shown there. It ends when no process has the terminal open any more.
   * @param newlines "raw" where the output goes to another terminal, which adds the carriage returns itself
   */
  open(newlines: "cooked" | "raw"): ReadStream {
    // There is one to take, and then nothing comes any more.
    using receiveEnd = this.#receiveEnd;
    this.#fd = receiveFd(receiveEnd, MSG_DONTWAIT).release();
    if (newlines === "raw") clearOnlcr(this.#fd);
    this.#stream = new ReadStream(this.#fd);
    return this.#stream;
  }

  /** Size in characters; the processes at the terminal get SIGWINCH. */
  resize(rows: number, columns: number): void {
    setWindowSize(this.#fd, rows, columns);
  }

  [Symbol.dispose](): void {
    this.#stream?.destroy();
    this.sendEnd[Symbol.dispose]();
    this.#receiveEnd[Symbol.dispose]();
  }
}
