/** Where two observations of one case are not the same. */
import type { Json } from "../support/bundle.ts";
import type { Case } from "./case.ts";
import type { Observation } from "./observe.ts";

/** A place in an observation, and what is there. */
export interface Difference {
  /** "run @: status", "run @: stdout.mounts" */
  readonly at: string;
  readonly ours: Json;
  readonly theirs: Json;
}

/** Everything that differs, in the order in which it was seen. */
export function compare(one: Case, ours: Observation, theirs: Observation): Difference[] {
  const found: Difference[] = [];
  for (const step of Object.keys(ours.steps)) {
    const [mine, other] = [ours.steps[step]!, theirs.steps[step]];
    if (mine.status !== other?.status) {
      // What comes after a step that only one of them got through is its consequence.
      found.push({ at: `${step}: status`, ours: mine.status, theirs: other?.status });
      return found;
    }
    walk(`${step}: `, mine, other, found);
  }
  if (String(ours.left) !== String(theirs.left))
    found.push({ at: "left behind", ours: list(ours.left), theirs: list(theirs.left) });
  const without = one.without ?? [];
  return found.filter(({ at }) => !without.some((name) => at.includes(name)));
}

function list(names: readonly string[]): string {
  return names.join(", ") || "nothing";
}

function walk(at: string, ours: Json, theirs: Json, found: Difference[]): void {
  if (isObject(ours) && isObject(theirs)) {
    for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)]))
      walk(at.endsWith(" ") ? at + key : `${at}.${key}`, ours[key], theirs[key], found);
  } else if (Array.isArray(ours) && Array.isArray(theirs)) {
    if (JSON.stringify(ours) === JSON.stringify(theirs)) return;
    const [mine, other] = [only(ours, theirs), only(theirs, ours)];
    // The same members in another order are shown whole.
    const reordered = mine.length === 0 && other.length === 0;
    found.push({ at, ours: reordered ? ours : mine, theirs: reordered ? theirs : other });
  } else if (ours !== theirs) found.push({ at, ours, theirs });
}

function only(list: readonly Json[], other: readonly Json[]): Json[] {
  const known = new Set(other.map((item) => JSON.stringify(item)));
  return list.filter((item) => !known.has(JSON.stringify(item)));
}

function isObject(value: Json): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
