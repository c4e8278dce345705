/** What the engine's commands have in common: the engine itself, filters, and who a container is on the command line. */
import type { Engine } from "../engine/engine.ts";
import { RuntError } from "../errors.ts";
import type { Context } from "./command.ts";

/**
 * The engine of the roots that the options before the command name. Lives as long as the process. An ordinary user's
 * command starts anew in its user namespace, so that nothing should have been read or said before.
 */
export async function openEngine({
  dataRoot,
  root,
  rootIsDefault,
  cgroupManager,
  log,
}: Context): Promise<Engine> {
  if (process.geteuid!() !== 0) (await import("../engine/ordinary-user.ts")).enterUserNamespace();
  const { Engine } = await import("../engine/engine.ts");
  return await Engine.open({ root: dataRoot, runRoot: rootIsDefault ? undefined : root, cgroupManager, log });
}

/** `--filter` of every list. */
export function filterOption(summary: string) {
  return { type: "strings", short: "f", value: "key=value", summary } as const;
}

/** `--format` of every list. */
export const formatOption = {
  type: "string",
  value: "format",
  default: "table",
  summary: "table, json, or a Go template",
} as const;

/**
 * Values by key, in the order in which they came. "label!=x" has the key "label!".
 * @param known keys that there are
 * @throws {RuntError} InvalidArgument
 */
export function filtersOf<K extends string>(
  texts: readonly string[],
  known: readonly K[],
): Partial<Record<K, string[]>> {
  const filters: Partial<Record<K, string[]>> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at <= 0) throw invalidFilter(text, "not key=value");
    const key = known.find((one) => one === text.slice(0, at));
    if (key === undefined) throw invalidFilter(text, `there are ${known.join(", ")}`);
    filters[key] = [...(filters[key] ?? []), text.slice(at + 1)];
  }
  return filters;
}

export function invalidFilter(text: string, why: string): RuntError {
  return new RuntError("InvalidArgument", `invalid filter ${JSON.stringify(text)}: ${why}`, {
    operation: "filter",
  });
}

/** Whether something with `labels` passes what `label=` and `label!=` ask for: all of them. */
export function matchesLabels(
  labels: Readonly<Record<string, string>>,
  { label = [], "label!": not = [] }: { readonly label?: string[]; readonly "label!"?: string[] },
): boolean {
  const has = (text: string) => {
    const [key, ...value] = text.split("=") as [string, ...string[]];
    return Object.hasOwn(labels, key) && (value.length === 0 || labels[key] === value.join("="));
  };
  return label.every(has) && !not.some(has);
}

/** "3f2a…" as people read it. */
export function shortened(id: string, noTrunc: boolean): string {
  return noTrunc ? id : id.slice(0, 12);
}

/**
 * Asks before something is removed for good.
 * @returns whether to go on
 */
export async function confirmed(question: string): Promise<boolean> {
  const { confirm } = await import("./ask.ts");
  return await confirm(`${question.endsWith("\n") ? question : `${question} `}Go on?`);
}
