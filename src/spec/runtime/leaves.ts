/**
 * The single values that occur in the documents of the runtime specification: strings, paths and integers.
 *
 * Two kinds of 64-bit integer. `int64` and `uint64` are exact (number, or bigint beyond ±(2⁵³−1)): amounts
 * of bytes, nanoseconds, rlimits and I/O rates, where the last digit reaches the kernel. `int64Number` and
 * `uint64Number` are always a `number`, saturated at ±(2⁵³−1): fields whose kernel limit is far below that,
 * so that a value out there is refused or clamped by the kernel all the same.
 */
import type { Int64 } from "./json.ts";
import {
  defaulted,
  leaf,
  list,
  mustBe,
  optional,
  type Refusal,
  record,
  refuse,
  type Schema,
} from "./schema.ts";

/** Reads a string for a `leaf` that asks more of it. */
export function readText(value: unknown): string | Refusal {
  if (typeof value !== "string") return refuse(mustBe("a string", value));
  // Every string below reaches the kernel or a file as a C string, which a NUL byte would cut short.
  return value.includes("\0") ? refuse("must not contain a NUL byte") : value;
}

/** A string without NUL bytes. */
export const text = leaf(readText);
/** A string without NUL bytes that says something. */
export const nonEmptyText = leaf((value) => (value === "" ? refuse("must not be empty") : readText(value)));
/** Absent, or a string; the empty string counts as absent, as in Go. */
export const optionalText = optional(text, "");
/** A list of strings, empty when absent. */
export const texts = list(text);
/** A string map whose values are data for others: any string will do. Empty when absent. */
export const annotations = defaulted(
  record(leaf((value) => (typeof value === "string" ? value : refuse(mustBe("a string", value))))),
  () => ({}),
);
/** A string map, empty when absent. */
export const textMap = defaulted(record(text), () => ({}));

/** A path that starts with "/". */
export const absolutePath = leaf((value) => {
  const path = readText(value);
  return typeof path === "string" && !path.startsWith("/") ? refuse(mustBe("absolute", path)) : path;
});

export const boolean = leaf((value) =>
  typeof value === "boolean" ? value : refuse(mustBe("true or false", value)),
);
/** A flag that is off unless said. */
export const flag = defaulted(boolean, () => false);

/** One of the words; the error lists them. */
export function oneOf<const W extends string>(words: readonly W[]): Schema<W> {
  return leaf((value) =>
    (words as readonly unknown[]).includes(value) ? (value as W) : refuse(mustBe(alternatives(words), value)),
  );
}

/** More words than this are not all listed. */
const MANY = 16;

function alternatives(words: readonly string[]): string {
  if (words.length > MANY) return `${words.slice(0, 3).join(", ")} or one of ${words.length - 3} more`;
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** An integer from `min` to `max`, both of which a number holds exactly. */
export function integer(min: number, max: number): Schema<number> {
  return leaf((value) => {
    const inRange = typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
    return inRange ? value : refuse(mustBe(`an integer from ${min} to ${max}`, value));
  });
}

function read64(value: unknown, min: bigint, max: bigint): Int64 | Refusal {
  const isInteger = typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
  if (!isInteger || value < min || value > max)
    return refuse(mustBe(`an integer from ${min} to ${max}`, value));
  return Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value);
}

function saturate(value: Int64 | Refusal): number | Refusal {
  if (typeof value !== "bigint") return value;
  return value < 0n ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
}

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
const MAX_UINT64 = 2n ** 64n - 1n;

export const int32 = integer(-(2 ** 31), 2 ** 31 - 1);
export const uint32 = integer(0, 2 ** 32 - 1);
export const uint64 = leaf((value) => read64(value, 0n, MAX_UINT64));
export const int64Number = leaf((value) => saturate(read64(value, MIN_INT64, MAX_INT64)));
export const uint64Number = leaf((value) => saturate(read64(value, 0n, MAX_UINT64)));
/** A limit in a signed field: -1 is "unlimited". */
export const limit64 = leaf((value) => read64(value, -1n, MAX_INT64));

/** A user or group id. 4294967295 is none: to the kernel it says "leave as it is". */
export const id = integer(0, 2 ** 32 - 2);
/** An id that is 0 when absent. */
export const idOrRoot = defaulted(id, () => 0);
