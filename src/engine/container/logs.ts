/** `logs`: what a container has written, from its log's files; and what it writes, until it ends. */
import { watch } from "node:fs";
import { dirname } from "node:path";
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import type { LogLine } from "../monitor/log-line.ts";
import type { ContainerRecord } from "../record.ts";
import { findRecord } from "./find.ts";
import { inodeAt, type LogFile, openLogFiles } from "./log/files.ts";
import { LogLines } from "./log/lines.ts";
import { tailOf } from "./log/tail.ts";
import { observe } from "./observe.ts";

export type { LogLine } from "../monitor/log-line.ts";

export interface LogOptions {
  /** Goes on until the container ends. */
  readonly follow?: boolean | undefined;
  /** Nothing older. RFC 3339 in UTC with nine digits of a second, as `timestampOf` writes it; so is `until`. */
  readonly since?: string | undefined;
  /** Nothing newer; following ends there. */
  readonly until?: string | undefined;
  /** So many of the last lines. */
  readonly tail?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The log's lines, in pieces: what was there at once.
 * @throws {RuntError} NotFound; FailedPrecondition where the container keeps no log
 */
export async function* containerLogs(
  context: EngineContext,
  text: string,
  options: LogOptions = {},
): AsyncGenerator<readonly LogLine[], void> {
  const record = findRecord(context, text, "logs");
  if (record.request.log.driver === "none") {
    throw new RuntError("FailedPrecondition", "its log driver is none: nothing was kept", {
      operation: "logs",
      subject: `container ${record.name}`,
    });
  }
  const { since, until, tail, follow, signal } = options;
  const ends = () => until !== undefined && new Date().toISOString() > until;
  using log = new LogReader(context.layout.log(record.id), tail);
  using wake = follow ? new Wake(context.layout.log(record.id), signal) : undefined;
  for (;;) {
    signal?.throwIfAborted();
    // Asked first: what was written before the end is read after it.
    const goesOn = wake !== undefined && !ends() && isGoingOn(context, record);
    for (const lines of log.read()) {
      const wanted = lines.filter(({ time }) => !(since && time < since) && !(until && time > until));
      if (wanted.length > 0) yield wanted;
    }
    if (!goesOn) return;
    await wake.next();
  }
}

/** Whether more may come: it runs, or is about to be started again. */
function isGoingOn(context: EngineContext, { id }: ContainerRecord): boolean {
  const record = context.store.containers.get(id);
  if (!record) return false;
  const { status } = observe(context, record);
  return status === "running" || status === "paused" || status === "restarting";
}

const pieceBytes = 256 * 1024;

/** Reads on from where it was, through every file that has come meanwhile. */
class LogReader implements Disposable {
  readonly #path: string;
  readonly #lines = new LogLines();
  /** Oldest first; the first is being read. */
  #files: LogFile[];
  #at = 0;

  /** @param tail begins so many lines before the end */
  constructor(path: string, tail: number | undefined) {
    this.#path = path;
    this.#files = openLogFiles(path);
    if (tail === undefined) return;
    const place = tailOf(this.#files, tail);
    for (const file of this.#files.splice(0, place.file)) file[Symbol.dispose]();
    this.#at = place.at;
  }

  /** What is there and was not read. */
  *read(): Generator<LogLine[], void> {
    for (;;) {
      const [file] = this.#files;
      if (!file) {
        this.#files = openLogFiles(this.#path);
        if (this.#files.length === 0) return;
        continue;
      }
      yield* this.#rest(file);
      if (this.#files.length === 1 && !this.#findNewer(file)) return;
      // It has been renamed: nobody has written to it since, but perhaps between our two looks.
      yield* this.#rest(file);
      this.#files.shift()?.[Symbol.dispose]();
      this.#lines.clear();
      this.#at = 0;
    }
  }

  *#rest(file: LogFile): Generator<LogLine[], void> {
    // Where one file is all there may be, it is emptied in place.
    if (file.size < this.#at) {
      this.#at = 0;
      this.#lines.clear();
    }
    for (;;) {
      const bytes = file.read(this.#at, pieceBytes);
      if (bytes.length === 0) return;
      this.#at += bytes.length;
      const lines = this.#lines.take(bytes);
      if (lines.length > 0) yield lines;
    }
  }

  /** Takes on the files after `file`. @returns whether there are any */
  #findNewer(file: LogFile): boolean {
    const inode = inodeAt(this.#path);
    if (inode === undefined || inode === file.inode) return false;
    const files = openLogFiles(this.#path);
    // Where it is not there any more, so are some that we have never seen.
    const index = files.findIndex((other) => other.inode === file.inode);
    for (const old of files.splice(0, index + 1)) old[Symbol.dispose]();
    this.#files.push(...files);
    return files.length > 0;
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.splice(0)) file[Symbol.dispose]();
  }
}

/** Looked at so often without being told: a container's end is not written into its log. */
const lookMs = 200;

/** Tells when there may be more. */
class Wake implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #signal: AbortSignal | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(path: string, signal: AbortSignal | undefined) {
    this.#signal = signal;
    const tell = () => {
      this.#changed = true;
      this.#wake?.();
    };
    try {
      const watcher = watch(dirname(path), tell);
      watcher.on("error", () => watcher.close());
      this.#stack.defer(() => watcher.close());
    } catch {
      // As many watches as there may be: then we only look.
    }
    signal?.addEventListener("abort", tell, { once: true });
    this.#stack.defer(() => signal?.removeEventListener("abort", tell));
  }

  /** Resolves when something has changed since the last time, and after a while. */
  async next(): Promise<void> {
    if (!this.#changed && !this.#signal?.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, lookMs);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
