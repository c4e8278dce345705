/** Numbers, sizes and times as docker's flags have them. */
import { goDurationMs } from "../../spec/go-duration.ts";
import { flagError } from "./flag-error.ts";

const powers = "bkmgtp";

/**
 * "512m", "1.5g", "64MiB", "1024": bytes, in units of 1024.
 * @throws {RuntError} InvalidArgument
 */
export function bytesOf(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text);
  if (!match) throw flagError(flag, text, "not a size: a number with b, k, m, g or t behind it");
  const power = match[2] === "" ? 0 : powers.indexOf(match[2]!.toLowerCase());
  const bytes = Math.floor(Number(match[1]) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) throw flagError(flag, text, "too large");
  return bytes;
}

/** The same, and -1. */
export function bytesOrUnlimited(flag: string, text: string): number {
  return text === "-1" ? -1 : bytesOf(flag, text);
}

/**
 * "1m30s", "500ms", "0": milliseconds, in the units of Go's durations.
 * @throws {RuntError} InvalidArgument
 */
export function durationMs(flag: string, text: string): number {
  const ms = goDurationMs(text);
  if (ms === undefined)
    throw flagError(flag, text, 'not a time: numbers with units, as in "1m30s" or "500ms"');
  return ms;
}

/**
 * A whole number within bounds.
 * @throws {RuntError} InvalidArgument
 */
export function wholeNumber(
  flag: string,
  text: string,
  least = Number.MIN_SAFE_INTEGER,
  most = Number.MAX_SAFE_INTEGER,
): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value))
    throw flagError(flag, text, "not a whole number");
  if (value < least || value > most) throw flagError(flag, text, bounds(least, most));
  return value;
}

function bounds(least: number, most: number): string {
  if (most === Number.MAX_SAFE_INTEGER) return `less than ${least}`;
  return `not between ${least} and ${most}`;
}
