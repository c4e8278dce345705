/** Moments as docker's `--since` and `--until` take them, to the nanosecond. */

import { timestampOf } from "../engine/time.ts";
import { RuntError } from "../errors.ts";
import { momentOf } from "./human.ts";

/**
 * "10m", "2026-11-21T09:48:00.123456789Z", "1763718480.5": RFC 3339 in UTC with nine digits, which sorts as text.
 * @throws {RuntError} InvalidArgument
 */
export function exactMoment(flag: string, text: string): string {
  const date = momentOf(text);
  if (!date) {
    throw new RuntError(
      "InvalidArgument",
      `--${flag} ${JSON.stringify(text)}: neither a time nor how long ago`,
      {
        operation: flag,
        hint: 'as "10m", "2026-11-21T09:48:00Z", or seconds since 1970',
      },
    );
  }
  const seconds = BigInt(Math.floor(date.getTime() / 1000));
  // Dates have milliseconds; what was written has more.
  const fraction = /^\d+\.(\d+)$/.exec(text)?.[1] ?? /:\d{2}\.(\d+)/.exec(text)?.[1];
  const ns =
    fraction === undefined
      ? BigInt(date.getTime() % 1000) * 1_000_000n
      : BigInt(fraction.padEnd(9, "0").slice(0, 9));
  return timestampOf(seconds * 1_000_000_000n + ns);
}
