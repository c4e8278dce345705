/** What a program is given to read, from whatever form a caller has it in. */
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

export type Input = string | Uint8Array | Readable;

/** Writes all of it, and closes. A program need not read what it is given: that is no error. */
export function feed(stdin: Writable, input: Input): void {
  stdin.on("error", () => {});
  if (input instanceof Readable) pipeline(input, stdin).catch(() => {});
  else stdin.end(input);
}
