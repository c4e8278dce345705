/**
 * Rules of one system call as a decision over 32-bit words, the only size BPF can look at: a 64-bit comparison is a
 * decision over its high half, then its low half.
 */
import { BPF, SeccompData } from "./bpf.ts";
import type { Condition, Rule } from "./rules.ts";

/** A yes-or-no question about one word of seccomp_data, or the answer to all of them. */
export type Decision = Test | Verdict;

/** `(word & mask)` compared with `k`; SET asks whether any bit of `k` is set. */
export interface Test {
  readonly kind: "test";
  readonly id: number;
  /** Byte offset in seccomp_data. */
  readonly word: number;
  readonly mask: number;
  readonly op: typeof BPF.JMP_JEQ_K | typeof BPF.JMP_JGT_K | typeof BPF.JMP_JGE_K | typeof BPF.JMP_JSET_K;
  readonly k: number;
  readonly then: Decision;
  readonly else: Decision;
  /** The words this test and all that follow it look at. */
  readonly words: ReadonlySet<number>;
}

/** A SECCOMP_RET_* value. */
export interface Verdict {
  readonly kind: "verdict";
  readonly id: number;
  readonly ret: number;
}

/** All bits of a word. */
export const ALL_BITS = 0xffffffff;

/**
 * The decision that takes the first of `rules` whose conditions all hold, else returns `defaultRet`. `argBits` says
 * whether the high half of an argument counts.
 */
export function decide(rules: readonly Rule[], defaultRet: number, argBits: 32 | 64): Decision {
  const make = new Decisions(argBits);
  // Made from the end: what a rule falls through to is already there.
  let decision: Decision = make.verdict(defaultRet);
  for (const { conditions, ret } of rules.toReversed()) {
    const otherwise = decision;
    decision = make.verdict(ret);
    for (const condition of conditions.toReversed())
      decision = make.condition(condition, decision, otherwise);
  }
  return decision;
}

class Decisions {
  readonly #argBits: 32 | 64;
  readonly #made = new Map<string, Decision>();

  constructor(argBits: 32 | 64) {
    this.#argBits = argBits;
  }

  verdict(ret: number): Verdict {
    return this.#once(`v${ret}`, (id) => ({ kind: "verdict", id, ret })) as Verdict;
  }

  condition({ index, op, mask, datum }: Condition, then: Decision, otherwise: Decision): Decision {
    const low = SeccompData.argLow(index);
    const high = SeccompData.argHigh(index);
    const [kLow, kHigh] = [lowHalf(datum), highHalf(datum)];
    const [maskLow, maskHigh] = [lowHalf(mask), highHalf(mask)];
    const wide = this.#argBits === 64;
    switch (op) {
      case "SCMP_CMP_EQ":
      case "SCMP_CMP_MASKED_EQ": {
        const lowEqual = this.#equal(low, maskLow, kLow, then, otherwise);
        return wide ? this.#equal(high, maskHigh, kHigh, lowEqual, otherwise) : lowEqual;
      }
      case "SCMP_CMP_GT":
      case "SCMP_CMP_GE": {
        const code = op === "SCMP_CMP_GT" ? BPF.JMP_JGT_K : BPF.JMP_JGE_K;
        const lowGreater = this.#test(low, ALL_BITS, code, kLow, then, otherwise);
        if (!wide) return lowGreater;
        const highEqual = this.#equal(high, ALL_BITS, kHigh, lowGreater, otherwise);
        return this.#test(high, ALL_BITS, BPF.JMP_JGT_K, kHigh, then, highEqual);
      }
      case "SCMP_CMP_NE":
        return this.condition({ index, op: "SCMP_CMP_EQ", mask, datum }, otherwise, then);
      case "SCMP_CMP_LT":
        return this.condition({ index, op: "SCMP_CMP_GE", mask, datum }, otherwise, then);
      case "SCMP_CMP_LE":
        return this.condition({ index, op: "SCMP_CMP_GT", mask, datum }, otherwise, then);
    }
  }

  #equal(word: number, mask: number, k: number, then: Decision, otherwise: Decision): Decision {
    if (mask === 0) return then;
    if (mask === ALL_BITS) return this.#test(word, mask, BPF.JMP_JEQ_K, k, then, otherwise);
    // Asking for bits keeps the whole word in the accumulator for the next test.
    if (k === 0) return this.#test(word, ALL_BITS, BPF.JMP_JSET_K, mask, otherwise, then);
    const oneBit = (mask & (mask - 1)) === 0;
    if (oneBit) return this.#test(word, ALL_BITS, BPF.JMP_JSET_K, mask, then, otherwise);
    return this.#test(word, mask, BPF.JMP_JEQ_K, k, then, otherwise);
  }

  #test(
    word: number,
    mask: number,
    op: Test["op"],
    k: number,
    then: Decision,
    otherwise: Decision,
  ): Decision {
    if (then === otherwise) return then;
    return this.#once(`${word},${mask},${op},${k},${then.id},${otherwise.id}`, (id) => {
      const words = new Set([word, ...wordsOf(then), ...wordsOf(otherwise)]);
      return { kind: "test", id, word, mask, op, k, then, else: otherwise, words };
    });
  }

  #once(key: string, make: (id: number) => Decision): Decision {
    let decision = this.#made.get(key);
    if (!decision) {
      decision = make(this.#made.size);
      this.#made.set(key, decision);
    }
    return decision;
  }
}

function wordsOf(decision: Decision): ReadonlySet<number> {
  return decision.kind === "test" ? decision.words : new Set();
}

function lowHalf(n: bigint): number {
  return Number(n & 0xffffffffn);
}

function highHalf(n: bigint): number {
  return Number(n >> 32n);
}
