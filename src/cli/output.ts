/** What commands print: stdout itself, JSON as Go's encoder writes it, and columns as Go's tabwriter sets them. */
import { writeSync } from "node:fs";

const stdout = 1;
/** What a shell says of a program that SIGPIPE has killed. */
export const brokenPipeStatus = 128 + 13;

/**
 * Writes all of `text` to a file descriptor. Where nobody reads our stdout any more, as behind `| head`, this is the end, in
 * silence: Node ignores the signal that other programs die of. Not through `process.stdout`, whose set-up costs more than
 * most commands, and which may still hold text when the process exits.
 */
export function writeAll(fd: number, text: string | Uint8Array): void {
  let rest = typeof text === "string" ? Buffer.from(text) : text;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if (fd === stdout && (error as NodeJS.ErrnoException).code === "EPIPE") process.exit(brokenPipeStatus);
      // Somebody made the pipe non-blocking, and it is full: wait for its reader.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

const htmlEscapes: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** JSON, with the characters escaped that Go's encoding/json escapes. */
export function goJson(value: unknown, indent = ""): string {
  return json(value, indent).replaceAll(/[<>&\u2028\u2029]/g, (c) => htmlEscapes[c]!);
}

/** JSON as docker and podman print it: their encoder is told to leave "&" and its like as they are. */
export function json(value: unknown, indent = ""): string {
  return JSON.stringify(value, wholeNumbers, indent);
}

/** JSON.rawJSON of ES2025, which TypeScript's library does not list yet. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** Where a limit has more digits than a number can hold, none of them is lost; bytes are base64, as in Go. */
function wholeNumbers(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "bigint" ? rawJson(String(value)) : value;
}

/** Go writes maps in the order of their keys. */
export function sorted<V>(map: Readonly<Record<string, V>>): Record<string, V> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Columns with 3 spaces between them, at least `least` wide; the last one is not padded. */
export function table(rows: readonly (readonly string[])[], least = 12): string {
  const width = (text: string) => [...text].length;
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(least, ...rows.map((row) => width(row[column] ?? "") + 3)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell + " ".repeat(widths[i]! - width(cell))))
      .join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}
