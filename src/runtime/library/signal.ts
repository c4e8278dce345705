/** Signals by name or number. @see signal(7) */
import { constants } from "node:os";
import { RuntError } from "../../errors.ts";

/** @throws {RuntError} InvalidArgument */
export function signalNumber(signal: NodeJS.Signals | number): number {
  const number = typeof signal === "number" ? signal : constants.signals[signal];
  if (Number.isInteger(number) && number > 0 && number < 65) return number;
  throw new RuntError("InvalidArgument", `unknown signal ${JSON.stringify(signal)}`, { operation: "kill" });
}
