/** A line of a container's log, as the monitor writes it and the kubelet reads it: `TIME stdout|stderr P|F TEXT`. */

export interface LogLine {
  /** RFC 3339 with nanoseconds, UTC; as text it sorts by time. */
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  /** "part": the line goes on in the next entry of this stream. */
  readonly tag: "full" | "part";
  /** Without the newline; bytes, since output need not be text. */
  readonly content: Buffer;
}

/** @param line without its newline. @returns undefined for what is no such line, as after a crash of the machine */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const [first, second, third] = [0, 1, 2].reduce<number[]>(
    (ends) => [...ends, ends.at(-1) === -1 ? -1 : line.indexOf(0x20, (ends.at(-1) ?? -1) + 1)],
    [],
  ) as [number, number, number];
  if (first < 0 || second < 0 || third < 0) return undefined;
  const time = line.toString("latin1", 0, first);
  const stream = line.toString("latin1", first + 1, second);
  // The CRI allows more tags after a colon.
  const tag = line.toString("latin1", second + 1, third).split(":", 1)[0];
  if ((stream !== "stdout" && stream !== "stderr") || (tag !== "P" && tag !== "F")) return undefined;
  return { time, stream, tag: tag === "F" ? "full" : "part", content: line.subarray(third + 1) };
}

/** What entry `line` adds to its stream. */
export function outputOf(line: LogLine): Buffer {
  return line.tag === "part" ? line.content : Buffer.concat([line.content, Buffer.from("\n")]);
}
