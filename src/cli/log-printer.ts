/** Lines of a log as they are printed: to stdout or stderr, with what `--timestamps` and `--details` put before them. */
import type { LogLine } from "../engine/monitor/log-line.ts";

/** Bytes for one of our streams. */
export interface Printed {
  readonly fd: 1 | 2;
  readonly bytes: Buffer;
}

const newline = Buffer.from("\n");

export class LogPrinter {
  readonly #options: { readonly timestamps: boolean; readonly details: boolean };
  /** Streams whose last line is not over. */
  readonly #open = new Set<string>();

  constructor(options: { readonly timestamps: boolean; readonly details: boolean }) {
    this.#options = options;
  }

  /** What neighbouring lines of one stream come to is one piece. */
  take(lines: readonly LogLine[]): Printed[] {
    const pieces: { fd: 1 | 2; parts: Buffer[] }[] = [];
    for (const line of lines) {
      const fd = line.stream === "stdout" ? 1 : 2;
      if (pieces.at(-1)?.fd !== fd) pieces.push({ fd, parts: [] });
      const piece = pieces.at(-1)!;
      // A line that was noted in parts is one line.
      if (!this.#open.has(line.stream)) piece.parts.push(this.#before(line));
      piece.parts.push(line.content);
      if (line.tag === "full") {
        piece.parts.push(newline);
        this.#open.delete(line.stream);
      } else this.#open.add(line.stream);
    }
    return pieces.map(({ fd, parts }) => ({ fd, bytes: Buffer.concat(parts) }));
  }

  #before({ time }: LogLine): Buffer {
    const { timestamps, details } = this.#options;
    // After the details comes a space, even where there are none.
    return Buffer.from(`${timestamps ? `${time} ` : ""}${details ? " " : ""}`);
  }
}
