/** The runtime's end of the socket to a shim: whole records in their order, one byte back. */
import { closeSync, readSync, writeSync } from "node:fs";
import type { Socket } from "node:net";
import { RuntError } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import { POLLIN, pollSync } from "../../linux/process.ts";
import { hasCode } from "../../linux/system-error.ts";
import { decodeMessage, type Message, type MessageType, Reply, recordSize } from "../wire/messages.ts";

/**
 * How to wait for the shim. "events" leaves the thread to others. "blocking" is for a program that does nothing
 * else meanwhile: it needs no stream, which would take longer to load than the shim takes to answer.
 */
export type Waiting = "events" | "blocking";

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

/** How long the thread is blocked at a time, before signals get their turn. */
const patienceMs = 20;
/** After how long "blocking" becomes "events": whoever takes so long is worth a stream. */
const blockingMs = 100;

export class Conversation implements Disposable {
  #fd: number;
  #waiting: Waiting;
  #socket: Socket | undefined;
  readonly #queue: Message[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #last: MessageType | "start" = "start";
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #blockedMs = 0;

  /** Takes over `fd`. */
  constructor(fd: Fd, waiting: Waiting) {
    this.#fd = fd.release();
    this.#waiting = waiting;
  }

  /** The next record; undefined once the shim has closed its end. */
  async next(): Promise<Message | undefined> {
    while (this.#queue.length === 0 && !this.#ended && !this.#failure) {
      await (this.#waiting === "events" ? this.#event() : this.#look());
    }
    const message = this.#queue.shift();
    if (!message && this.#failure) throw this.#failure;
    return message;
  }

  /** Lets the one who waits go on. */
  go(): void {
    const byte = Uint8Array.of(Reply.go);
    if (this.#socket) this.#socket.write(byte);
    else if (this.#fd >= 0) {
      try {
        writeSync(this.#fd, byte);
      } catch (error) {
        // It is gone, which the next record that does not come will tell.
        if (!hasCode(error, "EPIPE", "ECONNRESET")) throw error;
      }
    }
  }

  /** From now on the thread is needed for other things too. */
  listen(): void {
    this.#waiting = "events";
  }

  /** Hangs up: a shim whose init is not ready, or that is to die with us, ends it. */
  [Symbol.dispose](): void {
    this.#socket?.destroy();
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    this.#end();
  }

  /** Blocks for a while; then whoever else has something to do may. */
  async #look(): Promise<void> {
    if (pollSync(this.#fd, POLLIN, patienceMs) === 0) {
      this.#blockedMs += patienceMs;
      if (this.#blockedMs >= blockingMs) this.listen();
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    const bytes = Buffer.allocUnsafe(recordSize);
    try {
      const length = readSync(this.#fd, bytes);
      if (length === 0) this.#end();
      else this.#take(bytes.subarray(0, length));
    } catch (error) {
      if (!hasCode(error, "ECONNRESET")) throw error;
      this.#end();
    }
  }

  async #event(): Promise<void> {
    this.#socket ??= await this.#open();
    if (this.#queue.length > 0 || this.#ended || this.#failure) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  async #open(): Promise<Socket> {
    const { Socket } = await net();
    const socket = new Socket({ fd: this.#fd, readable: true, writable: true });
    this.#fd = -1;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    // A shim that is gone shows in the missing record, whichever way its socket ended.
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
    return socket;
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
    const allowed =
      message.type === "failed" ? this.#last !== "executing" : followers[this.#last].includes(message.type);
    if (!allowed) {
      this.#failure = new RuntError("Internal", `runt-shim: "${message.type}" after "${this.#last}"`, {
        operation: "create",
      });
      this.#socket?.destroy();
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

let loaded: Promise<typeof import("node:net")> | undefined;

function net(): Promise<typeof import("node:net")> {
  loaded ??= import("node:net");
  return loaded;
}
