/** A container as a program holds it; with `await using` it is removed. */
import type { Readable } from "node:stream";
import { RuntError } from "../../errors.ts";
import type { Attached } from "../container/attach.ts";
import type { ContainerInspect } from "../container/inspect.ts";
import type { Usage } from "../container/stats.ts";
import type { Engine } from "../engine.ts";
import type { AttachOptions } from "../monitor/attachment.ts";
import type { Attended } from "./attended.ts";
import { type CopyOptions, copyFrom, copyTo, readFile, type WriteFileOptions, writeFile } from "./files.ts";
import { feed } from "./input.ts";
import { type LogsOptions, logLines, logStream, type OutputLine } from "./logs.ts";
import { type ExecOptions, ExecProcess, type ExecResult, execRequest, type SpawnOptions } from "./process.ts";

export interface Aborting {
  readonly signal?: AbortSignal | undefined;
}

export interface StopOptions extends Aborting {
  /** In place of the container's own stop signal. */
  readonly stopSignal?: string | number | undefined;
  /** Until it is killed; -1: never. */
  readonly timeoutSeconds?: number | undefined;
}

export class RuntContainer implements AsyncDisposable {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  /** What is not as it was asked for. */
  readonly warnings: readonly string[];
  readonly #engine: Engine;
  readonly #attended: Attended;

  /** Use `Runt.start`, `Runt.create` or `Runt.get`. */
  constructor(
    engine: Engine,
    attended: Attended,
    { id, name, warnings = [] }: { id: string; name: string; warnings?: readonly string[] },
  ) {
    this.#engine = engine;
    this.#attended = attended;
    this.id = id;
    this.name = name;
    this.warnings = warnings;
  }

  /** Where published ports are. */
  get host(): string {
    return "localhost";
  }

  /** Runs its program. Resolves when it runs; content where it does already. @throws {RuntError} why it cannot */
  async start({ signal }: Aborting = {}): Promise<void> {
    const { request } = await this.#engine.find(this.id, "start");
    // Whoever sees it end starts it again, and that must not be us, who may not be there any more.
    const attend = request.restart.name === "no";
    const started = await this.#engine.start(this.id, { attend, signal });
    if (attend && started.attachment) this.#attended.add(started);
    else started[Symbol.dispose]();
  }

  /** Asks it to end, and kills it when it does not; content where it does not run. */
  async stop({ stopSignal, timeoutSeconds, signal }: StopOptions = {}): Promise<void> {
    await this.#engine.stop(this.id, { signal: stopSignal, timeoutSeconds, abort: signal });
  }

  /** @throws {RuntError} FailedPrecondition where it does not run */
  async kill(signal: NodeJS.Signals | number = "SIGKILL"): Promise<void> {
    await this.#engine.kill(this.id, signal);
  }

  async restart({ stopSignal, timeoutSeconds, signal }: StopOptions = {}): Promise<void> {
    await this.stop({ stopSignal, timeoutSeconds, signal });
    await this.start({ signal });
  }

  async pause(): Promise<void> {
    await this.#engine.pause(this.id);
  }

  async unpause(): Promise<void> {
    await this.#engine.unpause(this.id);
  }

  /** Waits until it has ended, and all that follows from that is done. @returns what a shell would have in `$?` */
  async wait({ signal }: Aborting = {}): Promise<number> {
    return (await this.#attended.end(this.id, signal)) ?? (await this.#engine.wait(this.id, { signal }));
  }

  /** Runs one more program in it, to its end. */
  async exec(command: readonly string[] | string, options: ExecOptions = {}): Promise<ExecResult> {
    const { input, maxOutputBytes, ...rest } = options;
    await using process = await this.spawn(command, { ...rest, stdin: input !== undefined });
    if (input !== undefined) feed(process.stdin!, input);
    return await process.result(maxOutputBytes);
  }

  /** Runs one more program in it, with streams. Resolves when it runs. */
  async spawn(command: readonly string[] | string, options: SpawnOptions = {}): Promise<ExecProcess> {
    return new ExecProcess(await this.#engine.exec(this.id, execRequest(command, options)), options.signal);
  }

  /** Its own streams, beside whoever else has them. Disposed of, they are left; the container goes on. */
  attach(options: AttachOptions = { stdin: true, stdout: true, stderr: true }): Promise<Attached> {
    return this.#engine.attach(this.id, options);
  }

  /** What it has written, and with `follow` what it writes, both streams in one. */
  logs(options?: LogsOptions): Readable {
    return logStream(this.#engine, this.id, options);
  }

  /** The same line by line, with times. */
  logLines(options?: LogsOptions): AsyncGenerator<OutputLine, void> {
    return logLines(this.#engine, this.id, options);
  }

  /** From the host into it, as `runt cp` does: into a directory that is there, else with that name. */
  async copyTo(source: string, destination: string, options: CopyOptions = {}): Promise<void> {
    await copyTo(this.#engine, this.id, source, destination, options);
  }

  /** Out of it to the host. */
  async copyFrom(source: string, destination: string, options: CopyOptions = {}): Promise<void> {
    await copyFrom(this.#engine, this.id, source, destination, options);
  }

  async writeFile(path: string, content: string | Uint8Array, options: WriteFileOptions = {}): Promise<void> {
    await writeFile(this.#engine, this.id, path, content, options);
  }

  async readFile(path: string, options: Aborting = {}): Promise<Buffer> {
    return await readFile(this.#engine, this.id, path, options);
  }

  /** All that is known of it, with the names that docker's `inspect` has. */
  inspect(): Promise<ContainerInspect> {
    return this.#engine.inspect(this.id);
  }

  async status(): Promise<ContainerInspect["State"]["Status"]> {
    return (await this.inspect()).State.Status;
  }

  /** What it has used by now. @throws {RuntError} FailedPrecondition where it does not run */
  async stats(): Promise<Usage> {
    const [sample] = await this.#engine.sample([this.id]);
    if (sample?.usage) return sample.usage;
    throw new RuntError("FailedPrecondition", `container ${this.name} is not running`, {
      operation: "stats",
      subject: `container ${this.name}`,
    });
  }

  /**
   * The host's port that leads to a port of the container: `port(80)`, `port("53/udp")`.
   * @throws {RuntError} NotFound where it is not published
   */
  async port(container: number | string): Promise<number> {
    const key = /\//.test(String(container)) ? String(container) : `${container}/tcp`;
    const { NetworkSettings } = await this.inspect();
    const [binding] = NetworkSettings.Ports[key] ?? [];
    if (binding) return Number(binding.HostPort);
    throw new RuntError("NotFound", `container ${this.name} has not published port ${key}`, {
      operation: "port",
      subject: `container ${this.name}`,
    });
  }

  /** Its IPv4 address on a network; on the first one by default. "" without one. */
  async address(network?: string): Promise<string> {
    const { NetworkSettings } = await this.inspect();
    return network === undefined
      ? NetworkSettings.IPAddress
      : (NetworkSettings.Networks[network]?.IPAddress ?? "");
  }

  /** Kills it if need be, and removes it with its anonymous volumes. Once is enough; twice does no harm. */
  async remove({ signal }: Aborting = {}): Promise<void> {
    try {
      await this.#engine.remove(this.id, { force: true, volumes: true, signal });
    } catch (error) {
      if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
    }
    await this.#attended.removed(this.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}
