/** Where the last lines of a log begin: read backwards, so that it takes no longer when the log is long. */
import { type LogLine, parseLogLine } from "../../monitor/log-line.ts";
import type { LogFile } from "./files.ts";

/** A place in a log. */
export interface LogPlace {
  /** Index into the files. */
  readonly file: number;
  readonly at: number;
}

const pieceBytes = 64 * 1024;

/**
 * Where the last `count` lines of output begin. A line that was written down in parts is one line, and so is one whose
 * end has not come yet.
 * @param files oldest first
 */
export function tailOf(files: readonly LogFile[], count: number): LogPlace {
  const last = files.length - 1;
  let place: LogPlace = { file: Math.max(last, 0), at: files[last]?.size ?? 0 };
  if (count <= 0) return place;
  const counter = new LineCounter(count);
  for (let file = last; file >= 0; file--) {
    for (const { at, line } of backwards(files[file]!)) {
      if (line && !counter.take(line)) return place;
      place = { file, at };
    }
  }
  return place;
}

/** Says of entries, the newest first, whether they belong to the last lines. */
class LineCounter {
  #left: number;
  readonly #streams = new Set<string>();

  constructor(count: number) {
    this.#left = count;
  }

  take({ stream, tag }: LogLine): boolean {
    // A part without an end is the beginning of a stream's newest line; other parts belong to an end we have seen.
    const isOpen = tag === "part" && !this.#streams.has(stream);
    this.#streams.add(stream);
    if (tag === "part" && !isOpen) return true;
    return this.#left-- > 0;
  }
}

/** The entries of a file, the newest first; undefined for one that is none. */
function* backwards(file: LogFile): Generator<{ at: number; line: LogLine | undefined }, void> {
  let at = file.size;
  /** Bytes from `at` on whose beginning is not known yet. */
  let rest: Buffer = Buffer.alloc(0);
  while (at > 0) {
    const length = Math.min(at, pieceBytes);
    at -= length;
    rest = Buffer.concat([file.read(at, length), rest]);
    // The last byte ends the last line; a line begins behind the newline before that.
    for (let end = rest.length; end > 0; ) {
      const before = end < 2 ? -1 : rest.lastIndexOf(0x0a, end - 2);
      if (before < 0 && at > 0) break;
      const start = before + 1;
      yield { at: at + start, line: parseLogLine(rest.subarray(start, end - 1)) };
      end = start;
      rest = rest.subarray(0, end);
    }
  }
}
