/** Lays a graph out as struct sock_filter[], with what conditional jumps need to reach further than 255. */
import { RuntError } from "../../errors.ts";
import { BPF, BPF_MAXINSNS, SOCK_FILTER_SIZE } from "./bpf.ts";
import type { Node } from "./graph.ts";

interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** `jt` and `jf` have 8 bits. */
const MAX_JUMP = 255;

/**
 * The program that starts at `root`. It is written from its end to its start: jumps only go forward, so when a node
 * is written the places it goes to are known, and a place too far away gets a stepping stone right there.
 *
 * @throws {RuntError} InvalidArgument when it is longer than the kernel takes.
 */
export function assemble(root: Node): Uint8Array {
  /** In reverse. */
  const program: Instruction[] = [];
  /** For each node the nearest instruction that does what it does, as an index into `program`. */
  const places = new Map<Node, number>();

  const distance = (node: Node): number => program.length - 1 - places.get(node)!;

  /** Makes `node` reachable within `limit` instructions from what is written next. */
  const bringNear = (node: Node, limit: number): void => {
    if (distance(node) <= limit) return;
    if (node.code === BPF.RET_K) program.push({ code: BPF.RET_K, jt: 0, jf: 0, k: node.k });
    else program.push({ code: BPF.JMP_JA, jt: 0, jf: 0, k: distance(node) });
    places.set(node, program.length - 1);
  };

  const write = (node: Node): void => {
    const { code, k } = node;
    if ("then" in node) {
      // A stone for the second place pushes the first one further away.
      bringNear(node.then, MAX_JUMP - 1);
      bringNear(node.else, MAX_JUMP);
      program.push({ code, jt: distance(node.then), jf: distance(node.else), k });
    } else {
      // An instruction that does not jump falls through to the next one.
      if ("next" in node) bringNear(node.next, 0);
      program.push({ code, jt: 0, jf: 0, k });
    }
    places.set(node, program.length - 1);
  };

  for (const node of successorsFirst(root)) write(node);
  if (program.length > BPF_MAXINSNS) throw tooLong(program.length);
  return encode(program.reverse());
}

/** @throws {RuntError} always; InvalidArgument with the length and the limit. */
export function tooLong(instructions: number): RuntError {
  return new RuntError(
    "InvalidArgument",
    `seccomp: the filter needs at least ${instructions} instructions, and the kernel takes ${BPF_MAXINSNS}`,
    { operation: "create", subject: "config.json: linux.seccomp", hint: "use fewer rules with arguments" },
  );
}

/** Every node that can be reached, each after all it goes to; the way that is taken more often comes last, so near. */
function successorsFirst(root: Node): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack: { node: Node; done: boolean }[] = [{ node: root, done: false }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { node, done } = top;
    if (done) order.push(node);
    if (done || seen.has(node)) continue;
    seen.add(node);
    stack.push({ node, done: true });
    const successors = "then" in node ? [node.then, node.else] : "next" in node ? [node.next] : [];
    for (const successor of successors)
      if (!seen.has(successor)) stack.push({ node: successor, done: false });
  }
  return order;
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * SOCK_FILTER_SIZE);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, i) => {
    const at = i * SOCK_FILTER_SIZE;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  });
  return bytes;
}
