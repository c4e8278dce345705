/** Cuts a log into its lines, as the bytes come. */
import { type LogLine, parseLogLine } from "../../monitor/log-line.ts";

const newline = 0x0a;

export class LogLines {
  #rest: Buffer = Buffer.alloc(0);

  /** The lines that end in `bytes`; what is no line of a log, as after a crash of the machine, is left out. */
  take(bytes: Buffer): LogLine[] {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const lines: LogLine[] = [];
    let start = 0;
    for (let end = all.indexOf(newline); end >= 0; end = all.indexOf(newline, start)) {
      const line = parseLogLine(all.subarray(start, end));
      if (line) lines.push(line);
      start = end + 1;
    }
    this.#rest = all.subarray(start);
    return lines;
  }

  /** Forgets a line whose end will not come. */
  clear(): void {
    this.#rest = Buffer.alloc(0);
  }
}
