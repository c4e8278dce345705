/** What is wrong with the value of a flag, in one line that names the flag. */
import { type ErrorKind, RuntError } from "../../errors.ts";

/** `--memory "1q": not a size`. */
export function flagError(
  flag: string,
  value: string,
  why: string,
  kind: ErrorKind = "InvalidArgument",
): RuntError {
  return new RuntError(kind, `${flag} ${JSON.stringify(value)}: ${why}`, {
    operation: "create",
    subject: flag,
  });
}

/** Flags that exclude each other. */
export function conflict(what: string): RuntError {
  return new RuntError("InvalidArgument", `conflicting options: ${what}`, { operation: "create" });
}
