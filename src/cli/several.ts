/** Commands for several containers: those that are named, or all; one after the other, or at the same time. */
import type { Engine } from "../engine/engine.ts";
import { messageOf } from "../errors.ts";
import { POLLERR, pollSync } from "../linux/process.ts";
import type { Context } from "./command.ts";
import { writeAll } from "./output.ts";
import { UsageError } from "./usage-error.ts";

const stdout = 1;

/** `--all`. */
export function allOption(which: string) {
  return { all: { type: "boolean", short: "a", summary: `${which}, instead of naming them` } } as const;
}

/**
 * The containers that a command is about, as they were named, or by their IDs.
 * @param all false: those named
 * @throws {UsageError} for neither or both
 */
export async function containersOf(
  engine: Engine,
  named: readonly string[],
  all: false | "running" | "paused" | "any",
  command: string,
): Promise<readonly string[]> {
  if (all === false) {
    if (named.length > 0) return named;
    throw new UsageError(`runt: "${command}" requires a minimum of 1 argument(s)`, "once");
  }
  if (named.length > 0) throw new UsageError("--all takes no names");
  const listed = await engine.list({ all: all === "any" });
  return listed.filter(({ status }) => all !== "paused" || status === "paused").map(({ id }) => id);
}

/**
 * Does something for all operands at the same time; one that fails does not stop the others. What is done is told in the
 * order in which they were named, as soon as that is possible.
 * @returns the exit status
 */
export async function atOnce(
  operands: readonly string[],
  { print }: Pick<Context, "print">,
  work: (operand: string) => Promise<void>,
): Promise<number> {
  const ends = operands.map((operand) =>
    work(operand).then(
      () => undefined,
      (reason: unknown) => ({ reason }),
    ),
  );
  const failures: { readonly reason: unknown }[] = [];
  for (const [i, end] of ends.entries()) {
    const failure = await end;
    if (failure) {
      failures.push(failure);
      continue;
    }
    // Where nobody reads, to print is to end: not before the others are done.
    if (pollSync(stdout, 0, 0) & POLLERR) await Promise.all(ends);
    print(`${operands[i]}\n`);
  }
  if (failures.length > 0 && operands.length === 1) throw failures[0]!.reason;
  for (const { reason } of failures) writeAll(2, `error: ${messageOf(reason)}\n`);
  return failures.length > 0 ? 1 : 0;
}
