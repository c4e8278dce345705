/** The runtime's end of the socket to a shim: whole records in their order, one byte back. */
import { Socket } from "node:net";
import { RuntError } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import { decodeMessage, type Message, type MessageType, Reply, recordSize } from "../wire/messages.ts";

/** What may follow what. `failed` may come at any time before `executing`. */
const followers: Record<MessageType | "start", readonly MessageType[]> = {
  start: ["sync", "started"],
  started: ["sync", "ready", "exited"],
  sync: ["sync", "started", "ready", "exited"],
  ready: ["executing", "exited"],
  executing: ["exited"],
  exited: [],
  failed: [],
};

export class Conversation implements Disposable {
  readonly #socket: Socket;
  readonly #queue: Message[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #last: MessageType | "start" = "start";
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** Takes over `fd`. */
  constructor(fd: Fd) {
    this.#socket = new Socket({ fd: fd.release(), readable: true, writable: true });
    this.#socket.on("data", (bytes: Buffer) => this.#take(bytes));
    // A shim that is gone shows in the missing record, whichever way its socket ended.
    this.#socket.on("error", () => this.#end());
    this.#socket.on("close", () => this.#end());
  }

  /** The next record; undefined once the shim has closed its end. */
  async next(): Promise<Message | undefined> {
    while (this.#queue.length === 0 && !this.#ended && !this.#failure) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const message = this.#queue.shift();
    if (!message && this.#failure) throw this.#failure;
    return message;
  }

  /** Lets the one who waits go on. */
  go(): void {
    this.#socket.write(Uint8Array.of(Reply.go));
  }

  /** Whether this socket alone keeps the Node process running. */
  ref(hold: boolean): void {
    if (hold) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Hangs up: a shim whose init is not ready, or that is to die with us, ends it. */
  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= recordSize) {
      this.#accept(decodeMessage(this.#rest.subarray(0, recordSize)));
      this.#rest = this.#rest.subarray(recordSize);
    }
    this.#wake?.();
  }

  #accept(message: Message): void {
    const allowed = message.type === "failed" ? this.#last !== "executing" : followers[this.#last].includes(message.type);
    if (!allowed) {
      this.#failure = new RuntError("Internal", `runt-shim: "${message.type}" after "${this.#last}"`, {
        operation: "create",
      });
      this.#socket.destroy();
      return;
    }
    this.#last = message.type;
    this.#queue.push(message);
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}
