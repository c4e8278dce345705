/** Containers with monitors, for tests: made in this process, gone afterwards with all that belongs to them. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MonitorClient } from "../../../src/engine/monitor/client.ts";
import { createMonitored, type MonitorSettings } from "../../../src/engine/monitor/create.ts";
import { type LogLine, outputOf, parseLogLine } from "../../../src/engine/monitor/log-line.ts";
import { type MonitorExit, readExit } from "../../../src/engine/monitor/records.ts";
import { isAlive } from "../../../src/linux/process.ts";
import type { RuntimeContext } from "../../../src/runtime/api.ts";
import { startContainer } from "../../../src/runtime/container/start.ts";
import * as runtime from "../../../src/runtime/index.ts";
import { aBundle, type Bundle, freshName, type Json } from "../../support/bundle.ts";
import { aContext, eventually } from "../../support/container.ts";

export type { Json } from "../../support/bundle.ts";
export { asRoot } from "../../support/needs.ts";
export { eventually };

export interface MonitoredSettings {
  /** What /bin/sh runs in the container. */
  readonly script?: string;
  readonly config?: Json;
  readonly monitor?: Partial<MonitorSettings>;
  /** Of the log, over no limit and one file; "none": no log. */
  readonly log?: Partial<NonNullable<MonitorSettings["log"]>> | "none";
}

/** A container that is created and waits for `start`. */
export class Monitored implements AsyncDisposable {
  readonly id: string;
  readonly bundle: Bundle;
  readonly context: RuntimeContext;
  readonly directory: string;
  readonly logPath: string;
  /** Of the monitor. */
  pid = 0;
  init = 0;
  readonly #clients: MonitorClient[] = [];

  constructor(bundle: Bundle, logPath: string | undefined) {
    this.id = freshName();
    this.bundle = bundle;
    this.context = aContext();
    this.directory = join(bundle.directory, "monitor");
    this.logPath = logPath ?? join(this.directory, "log");
  }

  start(): Promise<void> {
    return startContainer(this.context, this.id);
  }

  /** A connection of its own, closed at the end of the test. */
  async client(): Promise<MonitorClient> {
    const client = await MonitorClient.connect(this.directory);
    this.#clients.push(client);
    return client;
  }

  /** Waits for the exit record. */
  exit(): Promise<MonitorExit> {
    return eventually(() => readExit(this.directory), "the exit record");
  }

  /** Waits until the monitor, and the exit command that it turns into, are gone. */
  async gone(): Promise<void> {
    await eventually(() => (isRunning(this.pid) ? undefined : true), "the monitor to be gone");
  }

  /** Entries of one log file. A line that is none is an error; without an end only one that is being written may be. */
  log(file = this.logPath): LogLine[] {
    const over = readExit(this.directory) !== undefined;
    const bytes = readFileSync(file);
    const lines: LogLine[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(0x0a, at);
      if (end < 0 && !over) break;
      if (end < 0) throw new Error(`${file} ends within a line: ${bytes.toString("latin1", at)}`);
      const line = parseLogLine(bytes.subarray(at, end));
      if (!line) throw new Error(`no log line: ${bytes.toString("latin1", at, end)}`);
      lines.push(line);
      at = end + 1;
    }
    return lines;
  }

  /** What a stream was, put together again from the log; rotated files come first. */
  logged(stream: "stdout" | "stderr"): Buffer {
    const lines = this.logFiles().flatMap((file) => this.log(file));
    return Buffer.concat(lines.filter((line) => line.stream === stream).map(outputOf));
  }

  /** Oldest first. */
  logFiles(): string[] {
    const directory = this.logPath.slice(0, this.logPath.lastIndexOf("/"));
    const name = this.logPath.slice(directory.length + 1);
    const number = (file: string): number => Number(/\.(\d+)$/.exec(file)?.[1] ?? 0);
    return readdirSync(directory)
      .filter((file) => file === name || /^\.\d+$/.test(file.slice(name.length)))
      .filter((file) => file.startsWith(name))
      .sort((a, b) => number(b) - number(a))
      .map((file) => join(directory, file));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _bundle = this.bundle;
    for (const client of this.#clients) client[Symbol.dispose]();
    await runtime.deleteContainer(this.context, this.id, { force: true });
    await this.gone();
  }
}

/** Whether a process is there that is no zombie; nobody is 0. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

export async function aMonitored(settings: MonitoredSettings = {}): Promise<Monitored> {
  const bundle = await aBundle({
    process: { args: ["/bin/sh", "-c", settings.script ?? "exit 0"], ...settings.config?.process },
    ...(settings.config?.linux ? { linux: settings.config.linux } : {}),
  });
  const log = settings.log === "none" ? undefined : (settings.log ?? {});
  const monitored = new Monitored(bundle, log?.path);
  mkdirSync(monitored.directory, { recursive: true });
  try {
    const { state } = await createMonitored(monitored.context, monitored.id, {
      bundle: bundle.path,
      monitor: {
        directory: monitored.directory,
        oomScoreAdj: 0,
        input: "none",
        exitCommand: undefined,
        restart: { on: "never", soonMs: 100, laterMs: 100, longRunMs: 10_000 },
        health: undefined,
        log: log && {
          path: monitored.logPath,
          maxSizeBytes: 0,
          maxFiles: 1,
          carriageReturns: "keep",
          ...log,
        },
        ...settings.monitor,
      },
    });
    monitored.init = state.init!.pid;
    if (isAlive(monitored.init, state.init!.startTime)) {
      using client = await MonitorClient.connect(monitored.directory);
      monitored.pid = (await client.status()).monitor;
    }
    return monitored;
  } catch (error) {
    await bundle[Symbol.asyncDispose]();
    throw error;
  }
}

/** Collects a stream. */
export function collected(stream: AsyncIterable<Buffer> | null): Promise<Buffer> {
  return (async () => {
    const parts: Buffer[] = [];
    for await (const part of stream ?? []) parts.push(part);
    return Buffer.concat(parts);
  })();
}
