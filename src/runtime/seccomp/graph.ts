/**
 * A filter as a graph without cycles: every node is one BPF instruction, and equal ones exist once. The instruction
 * that comes last is made first, so a node's successors always exist before it.
 */
import { BPF } from "./bpf.ts";

/** One instruction and where it goes on. */
export type Node =
  | { readonly id: number; readonly code: typeof BPF.RET_K; readonly k: number }
  | {
      readonly id: number;
      readonly code: typeof BPF.LD_W_ABS | typeof BPF.ALU_AND_K;
      readonly k: number;
      readonly next: Node;
    }
  | {
      readonly id: number;
      readonly code: JumpCode;
      readonly k: number;
      readonly then: Node;
      readonly else: Node;
    };

/** Conditional jumps: accumulator == k, > k, >= k, (accumulator & k) != 0; unsigned. */
export type JumpCode =
  | typeof BPF.JMP_JEQ_K
  | typeof BPF.JMP_JGT_K
  | typeof BPF.JMP_JGE_K
  | typeof BPF.JMP_JSET_K;

/** Makes nodes, each distinct one once. */
export class Graph {
  readonly #nodes = new Map<string | number, Node>();

  /** How many instructions there are, before any that long jumps need. */
  get size(): number {
    return this.#nodes.size;
  }

  /** End with a SECCOMP_RET_* value. */
  ret(k: number): Node {
    return this.#once(k, (id) => ({ id, code: BPF.RET_K, k }));
  }

  /** Load the word at `offset` of seccomp_data. */
  load(offset: number, next: Node): Node {
    return this.#once(`l${offset},${next.id}`, (id) => ({ id, code: BPF.LD_W_ABS, k: offset, next }));
  }

  /** Keep only the bits of `mask` in the accumulator. */
  and(mask: number, next: Node): Node {
    return this.#once(`a${mask},${next.id}`, (id) => ({ id, code: BPF.ALU_AND_K, k: mask, next }));
  }

  /** Compare the accumulator with `k`. */
  jump(code: JumpCode, k: number, then: Node, otherwise: Node): Node {
    if (then === otherwise) return then;
    return this.#once(`${code},${k},${then.id},${otherwise.id}`, (id) => ({
      id,
      code,
      k,
      then,
      else: otherwise,
    }));
  }

  #once(key: string | number, make: (id: number) => Node): Node {
    let node = this.#nodes.get(key);
    if (!node) {
      node = make(this.#nodes.size);
      this.#nodes.set(key, node);
    }
    return node;
  }
}
