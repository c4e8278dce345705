/** Signals by number or by name. */
import { constants } from "node:os";
import { RuntError } from "../errors.ts";

const realtimeFirst = 34;
const realtimeLast = 64;

/**
 * The number of a signal: "9", "KILL", "SIGKILL", "kill", "RTMIN+1", "RTMAX-1".
 * @throws {RuntError} InvalidArgument
 */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= realtimeLast) return Number(text);
  const name = text.toUpperCase().replace(/^SIG/, "");
  const number = constants.signals[`SIG${name}` as NodeJS.Signals];
  if (number) return number;
  const realtime = /^RT(?:MIN(?:\+(\d+))?|MAX(?:-(\d+))?)$/.exec(name);
  if (realtime) {
    const value = name.startsWith("RTMIN")
      ? realtimeFirst + Number(realtime[1] ?? 0)
      : realtimeLast - Number(realtime[2] ?? 0);
    if (value >= realtimeFirst && value <= realtimeLast) return value;
  }
  throw new RuntError("InvalidArgument", `unknown signal ${JSON.stringify(text)}`, { operation: "kill" });
}
