/** A container's streams as Node streams, over a connection to its monitor. */
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { RuntError } from "../../errors.ts";
import { Attach, type exitFields, maxFrameData } from "../../runtime/wire/monitor.ts";
import { encodeFrame, type Frame, type Numbers } from "./frames.ts";
import { exitOf, type HealthStatus, healthOf, type MonitorExit } from "./records.ts";

/** What an attached client hears beside output. */
export type MonitorEvent =
  /** So many bytes of output are missing at this place: we were too slow. */
  | { readonly type: "lost"; readonly bytes: number }
  /** The kernel has killed for want of memory; how often since the start. */
  | { readonly type: "oom"; readonly kills: number }
  | { readonly type: "health"; readonly status: HealthStatus; readonly failures: number };

/** By default nothing but the end. A stream that is asked for must be read: both come over one connection. */
export interface AttachOptions {
  readonly stdin?: boolean;
  /** With a terminal all output is here. */
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /**
   * "leave out": the container never waits for us, and `lost` events say what is missing. "wait": nothing is missing,
   * and the container stops at its next write when we stop reading; for the client that it was started for.
   */
  readonly whenSlow?: "leave out" | "wait";
  readonly onEvent?: (event: MonitorEvent) => void;
}

function hungUp(): RuntError {
  return new RuntError("Unavailable", "the monitor has hung up before the container ended", {
    operation: "attach",
  });
}

export class Attachment {
  /** Closing it tells that there is no more input; what becomes of the container's stdin was said at its start. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** How the container ended. Rejects with Unavailable when the monitor, or we, hung up before. */
  readonly exited: Promise<MonitorExit>;
  readonly flags: number;
  readonly #socket: Socket;
  readonly #input: Socket | undefined;
  readonly #onEvent: ((event: MonitorEvent) => void) | undefined;
  readonly #settle: PromiseWithResolvers<MonitorExit>;

  /**
   * Use `MonitorClient.attach`.
   * @param input a line of its own for what the container reads: the monitor hangs up at the container's end whatever we
   *   still write, and Node gives up a socket that cannot be written to, with what is there to be read. Ours from now on.
   */
  constructor(socket: Socket, input: Socket | undefined, options: AttachOptions) {
    this.#socket = socket;
    this.#input = input;
    this.#onEvent = options.onEvent;
    this.#settle = Promise.withResolvers<MonitorExit>();
    this.exited = this.#settle.promise;
    this.exited.catch(() => {});
    this.stdin = input ? inputOver(input) : null;
    this.stdout = options.stdout ? this.#readable() : null;
    this.stderr = options.stderr ? this.#readable() : null;
    this.flags =
      Attach.events |
      (options.stdout ? Attach.output : 0) |
      (options.stderr ? Attach.errors : 0) |
      (options.whenSlow === "wait" ? Attach.waitForMe : 0);
  }

  /** A frame for us. Called by the client. */
  take({ name, numbers, data }: Frame): void {
    switch (name) {
      case "output":
        this.#push(this.stdout, data);
        break;
      case "errors":
        this.#push(this.stderr, data);
        break;
      case "lost":
        this.#onEvent?.({ type: "lost", bytes: Number(numbers.bytes) });
        break;
      case "oom":
        this.#onEvent?.({ type: "oom", kills: Number(numbers.kills) });
        break;
      case "health":
        this.#onEvent?.({
          type: "health",
          status: healthOf(numbers.health!),
          failures: Number(numbers.failures),
        });
        break;
      case "exited":
        this.#settle.resolve(exitOf(numbers as Numbers<(typeof exitFields)[number]>));
        break;
    }
  }

  /**
   * The connection has ended. Called by the client.
   * @param record reads how the container has ended, which a monitor does not wait for ever to tell those who are slow
   */
  end(record: () => MonitorExit | undefined): void {
    const exit = record();
    if (exit) this.#settle.resolve(exit);
    else this.#settle.reject(hungUp());
    this.stdout?.push(null);
    this.stderr?.push(null);
    this.stdin?.destroy();
    this.#input?.destroy();
  }

  /** Whether the lines keep the process alive. Called by the client. */
  keepAlive(keeps: boolean): void {
    for (const socket of [this.#socket, this.#input]) {
      if (keeps) socket?.ref();
      else socket?.unref();
    }
  }

  #push(stream: Readable | null, data: Buffer): void {
    if (stream && !stream.destroyed && !stream.push(data)) this.#socket.pause();
  }

  #readable(): Readable {
    const { Readable } = process.getBuiltinModule("node:stream");
    return new Readable({ read: () => void this.#socket.resume() });
  }
}

/** What is written becomes frames; the monitor's answers do not matter. */
function inputOver(socket: Socket): Writable {
  const { Writable } = process.getBuiltinModule("node:stream");
  // The container takes no more: what is still to be written goes nowhere, as with a pipe that `head` has closed.
  socket.on("error", () => {});
  socket.on("close", () => stdin.destroy());
  socket.resume();
  socket.write(encodeFrame("attach", [Attach.input]));
  const stdin = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += maxFrameData) {
        const last = at + maxFrameData >= chunk.length;
        const frame = encodeFrame("input", chunk.subarray(at, at + maxFrameData));
        socket.write(frame, last ? () => done() : undefined);
      }
      if (chunk.length === 0) done();
    },
    final(done) {
      socket.write(encodeFrame("end_input"), () => done());
    },
  });
  return stdin;
}
