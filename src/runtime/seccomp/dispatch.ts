/**
 * From the number of a system call to what happens to it: the number line is cut where the outcome changes, and the
 * pieces are found by a binary search, so neighbours with one outcome cost one comparison between them.
 */
import { ARM_PRIVATE_BASE, X32_SYSCALL_BIT } from "./archs.ts";
import { argumentCode } from "./argument-code.ts";
import { BPF } from "./bpf.ts";
import type { Graph, Node } from "./graph.ts";
import type { ArchRules, Rule } from "./rules.ts";
import { decide } from "./word-tests.ts";

/** What the parts of the number line outside the rules return. */
export interface Outcomes {
  /** No rule matches. */
  readonly default: number;
  /** Numbers above the newest that the profile names; undefined: as `default`. */
  readonly newer: number | undefined;
  /** Calls of an architecture, or of the x32 half, that the profile does not list. */
  readonly badArch: number;
}

/** The numbers from `start` up to the start of the next piece. */
interface Piece {
  readonly start: number;
  readonly node: Node;
}

const LAST_NUMBER = 0xffffffff;

/** The node to enter, with nothing loaded, for calls whose audit architecture is that of all `siblings`. */
export function dispatch(graph: Graph, siblings: readonly ArchRules[], outcomes: Outcomes): Node {
  const x32 = siblings.find((s) => s.arch.bit === X32_SYSCALL_BIT);
  const plain = siblings.find((s) => s.arch.bit === 0)!;
  const pieces = piecesOf(graph, plain, outcomes);
  if (plain.arch.table === "x86_64") {
    const upper = x32 ? piecesOf(graph, x32, outcomes) : badX32(graph, outcomes);
    replaceFrom(pieces, X32_SYSCALL_BIT, searched(graph, upper));
  }
  return graph.load(0, searched(graph, pieces));
}

/** The pieces of one architecture's number line from 0 up. */
function piecesOf(graph: Graph, { arch, byNumber, newest }: ArchRules, outcomes: Outcomes): Piece[] {
  // ARM's own calls stand far above the table that grows.
  const tableEnd = arch.table === "arm" ? ARM_PRIVATE_BASE : LAST_NUMBER + 1;
  const firstNewer = newest === undefined || outcomes.newer === undefined ? tableEnd : newest + 1;
  const byDefault = graph.ret(outcomes.default);
  const newer = graph.ret(outcomes.newer ?? outcomes.default);

  const pieces: Piece[] = [];
  let last: Node | undefined;
  const put = (start: number, node: Node): void => {
    if (node !== last) pieces.push({ start, node });
    last = node;
  };
  /** No rules from `start` up to `end`. */
  const gap = (start: number, end: number): void => {
    if (start < firstNewer) put(start, byDefault);
    if (end > firstNewer && Math.max(start, firstNewer) < tableEnd) put(Math.max(start, firstNewer), newer);
    if (end > tableEnd) put(Math.max(start, tableEnd), byDefault);
  };

  let next = 0;
  let rules: readonly Rule[] | undefined;
  let node = byDefault;
  for (const number of Float64Array.from(byNumber.keys()).sort()) {
    if (number > next) gap(next, number);
    // Neighbours mostly share one list of rules.
    if (byNumber.get(number) !== rules) {
      rules = byNumber.get(number)!;
      node = ruleNode(graph, rules, outcomes.default, arch.argBits);
    }
    put(number, node);
    next = number + 1;
  }
  gap(next, LAST_NUMBER + 1);
  return pieces;
}

function ruleNode(graph: Graph, rules: readonly Rule[], defaultRet: number, argBits: 32 | 64): Node {
  // Most rules are for a call whatever its arguments: not worth the longer way.
  if (rules[0]?.conditions.length === 0) return graph.ret(rules[0].ret);
  return argumentCode(graph, decide(rules, defaultRet, argBits));
}

/**
 * Where x32 is not listed: its calls are those of a foreign architecture. Number -1 is none of them: a tracer uses it
 * to skip a call. @see seccomp(2), "Caveats"
 */
function badX32(graph: Graph, outcomes: Outcomes): Piece[] {
  return [
    { start: X32_SYSCALL_BIT, node: graph.ret(outcomes.badArch) },
    { start: LAST_NUMBER, node: graph.ret(outcomes.default) },
  ];
}

/** One piece, however much is in it: ordinary calls then pay nothing for what lies up there. */
function replaceFrom(pieces: Piece[], start: number, node: Node): void {
  while (pieces.length > 0 && pieces.at(-1)!.start >= start) pieces.pop();
  pieces.push({ start, node });
}

/** The binary search over `pieces`, with the number in the accumulator. */
function searched(graph: Graph, pieces: readonly Piece[]): Node {
  if (pieces.length === 1) return pieces[0]!.node;
  if (pieces.length === 3) {
    const [before, middle, after] = pieces as [Piece, Piece, Piece];
    // One number that differs from both its neighbours, which are alike: one question instead of two.
    if (before.node === after.node && after.start === middle.start + 1) {
      return graph.jump(BPF.JMP_JEQ_K, middle.start, middle.node, before.node);
    }
  }
  const half = pieces.length >> 1;
  const upper = pieces.slice(half);
  return graph.jump(
    BPF.JMP_JGE_K,
    upper[0]!.start,
    searched(graph, upper),
    searched(graph, pieces.slice(0, half)),
  );
}
