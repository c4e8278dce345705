/** The differences that are known, as differences.json has them, and what the specification says of each. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Judgement, judgements } from "./judgements.ts";
import type { Measured } from "./measure.ts";

/** Where the cases ran: a kernel of this machine, or the guest with version 2's controllers. */
export type LaneName = "host" | "vm";
export const laneName: LaneName = process.env.RUNT_VM === "1" ? "vm" : "host";

/** What the last `npm run conformance` saw. */
export interface Known {
  /** Runtimes that were compared with. */
  readonly peers: readonly string[];
  /** How many cases were run, and how many the lane had not what they need for. */
  readonly cases: number;
  readonly skipped: number;
  readonly differences: readonly Measured[];
}

const file = join(import.meta.dirname, "differences.json");

export function readKnown(): Partial<Record<LaneName, Known>> {
  return JSON.parse(readFileSync(file, "utf8"));
}

export function writeKnown(known: Partial<Record<LaneName, Known>>): void {
  writeFileSync(file, `${JSON.stringify(known, null, 1)}\n`);
}

/** The judgement on a difference; undefined where nobody has given one. */
export function judgementOn(difference: Measured): Judgement | undefined {
  return judgements.find(
    ({ cases, at, peers }) =>
      cases.some((name) => matches(name, difference.case)) &&
      (at === undefined || at.some((part) => difference.at.includes(part))) &&
      (peers === undefined || peers.some((name) => difference.peer.startsWith(name))),
  );
}

/** "*" at the end stands for anything. */
function matches(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
