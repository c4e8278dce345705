/** What is made where an earlier one may be: mostly there is none, and then it takes one call. */
import { hasCode } from "./system-error.ts";

/** @param inTheWay the code of the error that says so @param clear takes the earlier one away @throws what `make` does */
export function makeAnew<T>(make: () => T, inTheWay: string, clear: () => void): T {
  try {
    return make();
  } catch (error) {
    if (!hasCode(error, inTheWay)) throw error;
  }
  clear();
  return make();
}
