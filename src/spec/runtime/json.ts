/**
 * JSON text to values and back, without losing what a 64-bit integer says.
 *
 * A number that JavaScript can hold exactly is a `number`; an integer beyond ±(2⁵³−1), such as the
 * RLIM_INFINITY 18446744073709551615, is a `bigint`. So a document survives `parseJson(stringifyJson(x))`,
 * and a file that runt wrote itself can be read back without a schema.
 */
import { RuntError } from "../../errors.ts";
import type { Origin } from "./document-error.ts";
import { locateJsonError } from "./json-error.ts";

/** An integer of up to 64 bits: a `number` where that is exact, else a `bigint`. Both compare with `<` and print alike. */
export type Int64 = number | bigint;

/** No 64-bit integer is longer; a longer run of digits may stay an inexact number, to be refused by its size. */
const MAX_DIGITS = 20;

function exactInteger(_key: string, value: unknown, context: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context.source ?? "";
  return source.length <= MAX_DIGITS && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

/**
 * The value of a JSON text; integers beyond ±(2⁵³−1) are bigints.
 * @throws {RuntError} InvalidArgument: `config.json:3:17: expected "," or "}"`
 */
export function parseJson(text: string, { where, operation }: Origin): unknown {
  try {
    // The reviver makes parsing several times slower, so it runs only where a long integer may be.
    return /\d{16}/.test(text)
      ? JSON.parse(text, exactInteger as (key: string, value: unknown) => unknown)
      : JSON.parse(text);
  } catch (cause) {
    const { line, column, what } = locateJsonError(text);
    const subject = `${where}:${line}:${column}`;
    throw new RuntError("InvalidArgument", `${subject}: ${what}`, { operation, subject }, cause);
  }
}

interface RawJson {
  rawJSON(text: string): unknown;
}

/** JSON text of `value`, in which bigints are plain integers. `indent` as in JSON.stringify. */
export function stringifyJson(value: unknown, indent?: number | string): string {
  const raw = JSON as unknown as RawJson;
  return JSON.stringify(
    value,
    (_key, member: unknown) => (typeof member === "bigint" ? raw.rawJSON(String(member)) : member),
    indent,
  );
}
