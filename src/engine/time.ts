/** Times as docker writes them: RFC 3339 in UTC with nine digits of a second, so that as text they sort by time. */

import { Bytes, check, I32, syscall } from "../linux/ffi.ts";
import { SYS } from "../linux/syscall-numbers.ts";

const CLOCK_REALTIME = 0;

/** What docker says of a time that never was. */
export const neverTime = "0001-01-01T00:00:00Z";

/** Now. Asked of the kernel, because the global `performance` takes milliseconds to load. */
export function timestamp(): string {
  const time = new Uint8Array(new ArrayBuffer(16));
  check(syscall(SYS.clock_gettime, [I32, Bytes], [CLOCK_REALTIME, time]), "clock_gettime");
  const view = new DataView(time.buffer);
  return timestampOf(view.getBigInt64(0, true) * 1_000_000_000n + view.getBigInt64(8, true));
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
