/** Signals as people write them: "TERM", "SIGTERM", "15", "RTMIN+3". */
import { constants } from "node:os";
import { RuntError } from "../../errors.ts";

/** glibc keeps the first two real-time signals for itself. */
const rtMin = 34;
const rtMax = 64;

/** @throws {RuntError} InvalidArgument */
export function signalNumber(signal: string | number): number {
  const text = String(signal).toUpperCase().replace(/^SIG/, "");
  const number = /^\d{1,2}$/.test(text) ? Number(text) : (named(text) ?? realTime(text));
  if (number !== undefined && number >= 1 && number <= rtMax) return number;
  throw new RuntError("InvalidArgument", `invalid signal: ${signal}`, { operation: "kill" });
}

function named(name: string): number | undefined {
  return (constants.signals as Record<string, number>)[`SIG${name}`];
}

function realTime(name: string): number | undefined {
  const [, end, sign, offset] = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  if (end === undefined) return undefined;
  return (end === "MIN" ? rtMin : rtMax) + (sign === "-" ? -1 : 1) * Number(offset ?? 0);
}
