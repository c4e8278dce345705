/**
 * Instructions for a decision over argument words. A word is loaded once on each way through, and what earlier tests
 * on that way have found out is not asked again: twenty allowed values of one argument cost one look at its high half.
 */
import { tooLong } from "./assemble.ts";
import { BPF, BPF_MAXINSNS } from "./bpf.ts";
import type { Graph, Node } from "./graph.ts";
import { ALL_BITS, type Decision, type Test } from "./word-tests.ts";

/** What tests so far say of a word: at least `min`, at most `max`. */
interface Range {
  readonly min: number;
  readonly max: number;
}

/** By word. Words nothing is known of are absent. */
type Knowledge = ReadonlyMap<number, Range>;

/** What is in the accumulator: `word`, of which `mask` was kept. */
interface Loaded {
  readonly word: number;
  readonly mask: number;
}

const anything: Range = { min: 0, max: ALL_BITS };
const nothingLoaded: Loaded = { word: -1, mask: 0 };

/**
 * The node that carries `decision` out; it does not rely on what the accumulator holds.
 *
 * @throws {RuntError} InvalidArgument when it cannot fit into a program.
 */
export function argumentCode(graph: Graph, decision: Decision): Node {
  const tests = countTests(decision);
  if (tests > BPF_MAXINSNS) throw tooLong(tests);
  // Each thing remembered makes a copy of what follows. Where that does not pay, forget.
  return codeOf(graph, decision, "remember", 2 * tests + 16) ?? codeOf(graph, decision, "forget", Infinity)!;
}

function codeOf(
  graph: Graph,
  decision: Decision,
  memory: "remember" | "forget",
  limit: number,
): Node | undefined {
  const made = new Map<string, Node>();

  const codeFor = (at: Decision, loaded: Loaded, known: Knowledge): Node => {
    if (at.kind === "verdict") return graph.ret(at.ret);
    const { word, mask, op, k } = at;
    const range = known.get(word) ?? anything;
    const answer = answerOf(at, range);
    if (answer !== undefined) return codeFor(answer ? at.then : at.else, loaded, known);
    if (made.size > limit) return graph.ret(0);

    const useful = [...known].filter(([w]) => at.words.has(w)).map(([w, r]) => `${w}:${r.min}-${r.max}`);
    const key = `${at.id};${loaded.word}&${loaded.mask};${useful.join()}`;
    const before = made.get(key);
    if (before) return before;

    const now: Loaded = { word, mask };
    const learn = (holds: boolean): Knowledge =>
      memory === "remember" ? new Map(known).set(word, narrowed(range, at, holds)) : known;
    let node = graph.jump(op, k, codeFor(at.then, now, learn(true)), codeFor(at.else, now, learn(false)));
    if (loaded.word !== word || loaded.mask !== mask) {
      if (mask !== ALL_BITS) node = graph.and(mask, node);
      node = graph.load(word, node);
    }
    made.set(key, node);
    return node;
  };
  const node = codeFor(decision, nothingLoaded, new Map());
  return made.size > limit ? undefined : node;
}

function countTests(decision: Decision): number {
  const seen = new Set<Decision>();
  const rest: Decision[] = [decision];
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    if (at.kind === "verdict" || seen.has(at)) continue;
    seen.add(at);
    rest.push(at.then, at.else);
  }
  return seen.size;
}

/** Whether the test must hold or fail for every word in `range`; undefined when it has to be made. */
function answerOf({ op, k, mask }: Test, { min, max }: Range): boolean | undefined {
  if (min === max) {
    const value = (min & mask) >>> 0;
    if (op === BPF.JMP_JEQ_K) return value === k;
    if (op === BPF.JMP_JGT_K) return value > k;
    if (op === BPF.JMP_JGE_K) return value >= k;
    return (value & k) !== 0;
  }
  if (mask !== ALL_BITS) return undefined;
  if (op === BPF.JMP_JEQ_K && (k < min || k > max)) return false;
  if (op === BPF.JMP_JGT_K) return min > k ? true : max <= k ? false : undefined;
  if (op === BPF.JMP_JGE_K) return min >= k ? true : max < k ? false : undefined;
  return undefined;
}

/** The range of a word after a test on it. */
function narrowed(range: Range, { op, k, mask }: Test, holds: boolean): Range {
  const { min, max } = range;
  if (mask !== ALL_BITS) return range;
  if (op === BPF.JMP_JGT_K)
    return holds ? { min: Math.max(min, k + 1), max } : { min, max: Math.min(max, k) };
  if (op === BPF.JMP_JGE_K)
    return holds ? { min: Math.max(min, k), max } : { min, max: Math.min(max, k - 1) };
  if (op === BPF.JMP_JSET_K) return range;
  if (holds) return { min: k, max: k };
  if (k === min) return { min: min + 1, max };
  if (k === max) return { min, max: max - 1 };
  return range;
}
