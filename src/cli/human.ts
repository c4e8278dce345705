/** Sizes and times in docker's words. */
import { goDurationMs } from "../spec/go-duration.ts";

const sizeUnits = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** "4.26MB": three digits, units of a thousand. */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < sizeUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))}${sizeUnits[unit]}`;
}

/** "3 weeks": how long a time is, roughly. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.round(ms / 3_600_000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}

/** "3 weeks ago"; "N/A" for a time that is not known. */
export function humanAgo(date: Date | undefined, now = Date.now()): string {
  return date === undefined ? "N/A" : `${humanDuration(Math.max(now - date.getTime(), 0))} ago`;
}

/** "2026-11-21 09:48:00 +0000 UTC", as Go prints a time. */
export function goTime(date: Date | undefined): string {
  return date === undefined ? "" : `${date.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}

/** "10m", "1h30m", "24h", "2026-11-21", "2026-11-21T09:48:00", seconds since 1970: a moment, as docker's `until` takes it. */
export function momentOf(text: string, now = Date.now()): Date | undefined {
  // "0", like any number, is a moment.
  const ago = text === "0" ? undefined : goDurationMs(text);
  if (ago !== undefined) return new Date(now - ago);
  const date = /^\d+(\.\d+)?$/.test(text) ? new Date(Number(text) * 1000) : new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
