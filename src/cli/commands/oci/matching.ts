/** Containers by regular expression, for the commands that crun lets act on many. */
import { RuntError } from "../../../errors.ts";
import type { RuntimeContext } from "../../../runtime/api.ts";

export const regex = {
  type: "boolean",
  short: "r",
  summary: "take the container id for a regular expression, and act on every container that it matches",
} as const;

/**
 * The ids that `pattern` matches, or just `pattern` without `--regex`.
 * @throws {RuntError} InvalidArgument
 */
export async function containersNamed(
  context: RuntimeContext,
  pattern: string,
  isRegex: boolean,
): Promise<string[]> {
  if (!isRegex) return [pattern];
  const { list } = await import("../../../runtime/index.ts");
  const expression = compiled(pattern);
  return list(context)
    .map((container) => container.id)
    .filter((id) => expression.test(id));
}

function compiled(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (cause) {
    const what = `invalid regular expression ${JSON.stringify(pattern)}`;
    throw new RuntError("InvalidArgument", what, { operation: "list" }, cause);
  }
}
