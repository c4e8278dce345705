/** Runs cases with our runtime and with others, and collects where they differ. */
import { missing } from "../support/needs.ts";
import type { FiledCase } from "./case.ts";
import { compare } from "./compare.ts";
import { type Observation, observe } from "./observe.ts";
import { type Lane, type Runtime, runt } from "./runtimes.ts";

/** One difference as it is written down: values are shortened to what a reader needs. */
export interface Measured {
  /** "subject: name" */
  readonly case: string;
  readonly peer: string;
  readonly at: string;
  readonly runt: string;
  readonly theirs: string;
}

/** What came of one case. */
export interface Outcome {
  readonly differences: readonly Measured[];
  readonly ours: Observation;
}

/** "subject: name", by which a case is known. */
export function keyOf(one: FiledCase): string {
  return `${one.subject}: ${one.name}`;
}

/** What a case asks of the machine that it has not, in our lane's words. */
export function missingFor(one: FiledCase): string | undefined {
  return missing(...(one.needs ?? []));
}

/** Once more where something differs: what is gone the second time was a matter of chance, or of a busy machine. */
export async function measure(one: FiledCase, peers: readonly Runtime[], lane: Lane): Promise<Outcome> {
  const first = await measureOnce(one, peers, lane);
  if (first.differences.length === 0) return first;
  const again = peers.filter(({ name }) => first.differences.some(({ peer }) => peer === name));
  const second = await measureOnce(one, again, lane);
  const seen = new Set(first.differences.map(({ peer, at }) => `${peer} ${at}`));
  return { ...second, differences: second.differences.filter(({ peer, at }) => seen.has(`${peer} ${at}`)) };
}

/** All runtimes side by side. */
async function measureOnce(one: FiledCase, peers: readonly Runtime[], lane: Lane): Promise<Outcome> {
  const [ours, ...theirs] = await Promise.all([runt, ...peers].map((runtime) => observe(one, runtime, lane)));
  const differences = peers.flatMap((peer, i) =>
    compare(one, ours!, theirs[i]!).map((difference) => ({
      case: keyOf(one),
      peer: peer.name,
      at: difference.at,
      runt: short(difference.ours, ours!, difference.at),
      theirs: short(difference.theirs, theirs[i]!, difference.at),
    })),
  );
  return { differences, ours: ours! };
}

/** A value on one line; of a failure the last error with it. */
function short(value: unknown, observation: Observation, at: string): string {
  const text =
    value === undefined ? "absent" : typeof value === "string" ? value.trim() : JSON.stringify(value);
  const line = text.replaceAll(/\s*\n\s*/g, " ⏎ ");
  const error = at.endsWith(": status") && value !== 0 ? messageIn(observation.errors) : "";
  const whole = error ? `${line}: ${error}` : line;
  return whole.length > 160 ? `${whole.slice(0, 157)}…` : whole;
}

/** The message of the first error, without time and level. */
function messageIn(errors: readonly string[]): string {
  const line = errors[0]?.split("\n").findLast((text) => !text.includes("level=warning")) ?? "";
  const quoted = /level=error msg="?(.*?)"?$/.exec(line)?.[1] ?? line;
  return quoted.replaceAll('\\"', '"').replace(/^\S+ \w+ failed: /, "");
}
