/** A program's environment as the engine has it: "NAME=value". */
import { RuntError } from "../../errors.ts";

/** By name. What is undefined is left out, so that `{ TOKEN: process.env.TOKEN }` means what it looks like. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {RuntError} InvalidArgument for a name that there cannot be */
export function environmentOf(env: Environment = {}, operation = "create"): string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (name === "" || /[=\0]/.test(name)) {
      throw new RuntError("InvalidArgument", `env: ${JSON.stringify(name)} is no name of a variable`, {
        operation,
      });
    }
    return value === undefined ? [] : [`${name}=${value}`];
  });
}
