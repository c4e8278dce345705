/** What a container has written, as a Node stream or line by line. */
import { Readable } from "node:stream";
import type { Engine } from "../engine.ts";
import { outputOf } from "../monitor/log-line.ts";
import { timestampOf } from "../time.ts";

export interface LogsOptions {
  /** Goes on until the container ends. */
  readonly follow?: boolean | undefined;
  /** Nothing older: a moment, or milliseconds since 1970. */
  readonly since?: Date | number | undefined;
  /** Nothing newer; following ends there. */
  readonly until?: Date | number | undefined;
  /** So many of the last lines. */
  readonly tail?: number | undefined;
  /** Only this one. */
  readonly stream?: "stdout" | "stderr" | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface OutputLine {
  readonly stream: "stdout" | "stderr";
  readonly time: Date;
  /** Without the newline. */
  readonly text: string;
}

/** Bytes as they were written; of both streams, in the order in which they came. */
export function logStream(engine: Engine, id: string, options: LogsOptions = {}): Readable {
  const closed = new AbortController();
  const signal = AbortSignal.any([closed.signal, ...(options.signal ? [options.signal] : [])]);
  const source = pieces(engine, id, { ...options, signal });
  return new Readable({
    read() {
      source.next().then(
        ({ done, value }) => this.push(done ? null : Buffer.concat(value.map(outputOf))),
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      // Or it would wait for a line that nobody wants.
      closed.abort();
      source.return().then(
        () => callback(error),
        () => callback(error),
      );
    },
  });
}

/** Whole lines, those too that were noted in parts. @throws {RuntError} NotFound; the signal's reason */
export async function* logLines(
  engine: Engine,
  id: string,
  options: LogsOptions = {},
): AsyncGenerator<OutputLine, void> {
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for await (const lines of pieces(engine, id, options)) {
    for (const { stream, tag, content, time } of lines) {
      const open = parts[stream];
      open.push(content);
      if (tag === "part") continue;
      yield { stream, time: new Date(time), text: Buffer.concat(open.splice(0)).toString("utf8") };
    }
  }
  for (const stream of ["stdout", "stderr"] as const) {
    if (parts[stream].length === 0) continue;
    yield { stream, time: new Date(), text: Buffer.concat(parts[stream]).toString("utf8") };
  }
}

async function* pieces(engine: Engine, id: string, options: LogsOptions) {
  const { follow, since, until, tail, stream, signal } = options;
  const lines = engine.logs(id, { follow, since: timeOf(since), until: timeOf(until), tail, signal });
  for await (const piece of lines) {
    const wanted = stream ? piece.filter((line) => line.stream === stream) : piece;
    if (wanted.length > 0) yield wanted;
  }
}

function timeOf(moment: Date | number | undefined): string | undefined {
  return moment === undefined ? undefined : timestampOf(BigInt(Math.trunc(Number(moment) * 1000)) * 1000n);
}
