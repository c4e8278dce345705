/** A line to a container's monitor: questions, orders, and the container's streams. */
import type { Socket } from "node:net";
import { RuntError } from "../../errors.ts";
import { SystemError } from "../../linux/system-error.ts";
import { MonitorPhase, Restart, type statusFields } from "../../runtime/wire/monitor.ts";
import { Attachment, type AttachOptions } from "./attachment.ts";
import { encodeFrame, type Frame, FrameReader, type Numbers } from "./frames.ts";
import { errnoOf, type HealthStatus, healthOf, type LogLoss, readExit } from "./records.ts";
import { connectMonitor } from "./socket.ts";

/** What a monitor says of its container. */
export interface MonitorStatus {
  /** Pid of the monitor. */
  readonly monitor: number;
  /** Pid of init; 0 once it has ended. */
  readonly init: number;
  readonly phase: keyof typeof MonitorPhase;
  /** Nanoseconds since 1970; 0 before the program runs. */
  readonly startedNs: bigint;
  readonly oomKills: number;
  /** When it is to be started again. */
  readonly restartAtNs: bigint | undefined;
  readonly log: LogLoss;
  readonly health: { readonly status: HealthStatus; readonly failures: number };
  /** Attached clients. */
  readonly clients: number;
}

interface Question {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
}

export class MonitorClient implements Disposable {
  readonly #socket: Socket;
  readonly #directory: string;
  readonly #reader = new FrameReader();
  /** Answers come in the order of the questions. */
  readonly #questions: Question[] = [];
  #attachment: Attachment | undefined;
  #ended = false;

  /** Takes over `socket`. Use `connect`. */
  constructor(socket: Socket, directory: string) {
    this.#socket = socket;
    this.#directory = directory;
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    // A monitor that has gone is seen by its end; why the connection broke says nothing more.
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("end", () => this.#end());
  }

  /** @param directory of the monitor's records. @throws {RuntError} NotFound where there is no monitor */
  static async connect(directory: string): Promise<MonitorClient> {
    return new MonitorClient(await connectMonitor(directory), directory);
  }

  async status(): Promise<MonitorStatus> {
    return statusOf((await this.#ask("get_status")).numbers as Numbers<(typeof statusFields)[number]>);
  }

  /** Size of the terminal in characters. @throws {SystemError} ENOTTY where there is none */
  async resize(rows: number, columns: number): Promise<void> {
    await this.#order("resize", [rows, columns]);
  }

  /** After the log was renamed. Resolves when nothing more goes into the old file. @throws {SystemError} */
  async reopenLog(): Promise<void> {
    await this.#order("reopen_log", []);
  }

  /** From now on; also for a container that waits to be started again. */
  async setRestart(on: keyof typeof Restart): Promise<void> {
    await this.#order("set_restart", [Restart[on]]);
  }

  /**
   * Runs the container's health check now, or waits for the one that runs. Resolves when its record is there.
   * @throws {SystemError} ENOENT where there is none, ESRCH where the container does not run
   */
  async check(): Promise<void> {
    await this.#order("check", []);
  }

  /** Tells that a container which another runtime has made was started. @throws {SystemError} EINVAL for our own */
  async started(): Promise<void> {
    await this.#order("started", []);
  }

  /**
   * The container's streams, once: output over this connection, input over one more. Resolves when the monitor has us on
   * its list: what is written from then on comes.
   */
  async attach(options: AttachOptions = {}): Promise<Attachment> {
    if (this.#attachment) throw new TypeError("this client is attached already");
    const input = options.stdin ? await connectMonitor(this.#directory) : undefined;
    if (this.#ended) {
      input?.destroy();
      throw lost();
    }
    this.#attachment = new Attachment(this.#socket, input, options);
    await this.#order("attach", [this.#attachment.flags]);
    return this.#attachment;
  }

  /** Whether this line keeps the process alive, as it does at first. */
  keepAlive(keeps: boolean): void {
    if (this.#attachment) this.#attachment.keepAlive(keeps);
    else if (keeps) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Hangs up: detaches. */
  [Symbol.dispose](): void {
    this.#socket.destroy();
    this.#end();
  }

  async #order(
    name: "resize" | "reopen_log" | "set_restart" | "started" | "attach" | "check",
    numbers: number[],
  ): Promise<void> {
    const { error } = (await this.#ask(name, numbers)).numbers as Numbers<"error">;
    if (error !== 0n) throw new SystemError(name, Number(error));
  }

  #ask(name: Parameters<typeof encodeFrame>[0], numbers: number[] = []): Promise<Frame> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(lost());
        return;
      }
      this.#questions.push({ resolve, reject });
      this.#socket.write(encodeFrame(name, numbers));
    });
  }

  #take(bytes: Buffer): void {
    try {
      for (const frame of this.#reader.take(bytes)) {
        if (frame.name === "done" || frame.name === "status") this.#questions.shift()?.resolve(frame);
        else this.#attachment?.take(frame);
      }
    } catch {
      this.#socket.destroy();
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const { reject } of this.#questions.splice(0)) reject(lost());
    this.#attachment?.end(() => readExit(this.#directory));
  }
}

function lost(): RuntError {
  return new RuntError("Unavailable", "the monitor has hung up", { operation: "monitor" });
}

function statusOf(numbers: Numbers<(typeof statusFields)[number]>): MonitorStatus {
  const phases = Object.keys(MonitorPhase) as (keyof typeof MonitorPhase)[];
  return {
    monitor: Number(numbers.monitor),
    init: Number(numbers.init),
    phase: phases[Number(numbers.phase)] ?? "running",
    startedNs: numbers.started_ns,
    oomKills: Number(numbers.oom_kills),
    restartAtNs: numbers.restart_at_ns === 0n ? undefined : numbers.restart_at_ns,
    log: { lostBytes: Number(numbers.log_lost), error: errnoOf(numbers.log_error) },
    health: { status: healthOf(numbers.health), failures: Number(numbers.health_failures) },
    clients: Number(numbers.clients),
  };
}
