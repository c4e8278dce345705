/** Times as docker writes them: RFC 3339 in UTC with nine digits of a second, so that as text they sort by time. */

/** What docker says of a time that never was. */
export const neverTime = "0001-01-01T00:00:00Z";

/** Now, to the microsecond. */
export function timestamp(): string {
  return timestampOf(BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n);
}

/** @param ns since 1970 */
export function timestampOf(ns: bigint): string {
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, "0")}Z`;
}

/** Milliseconds since 1970; 0 for "". */
export function millisecondsOf(time: string): number {
  return time === "" ? 0 : Date.parse(time);
}
