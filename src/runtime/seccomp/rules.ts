/** From the entries of a profile to the rules of each system call number, in the order in which they are tried. */
import { RuntError } from "../../errors.ts";
import type { LinuxSeccomp, LinuxSeccompArg } from "../../spec/runtime/seccomp.ts";
import { SeccompAction, type SeccompOperator } from "../../spec/runtime/seccomp-words.ts";
import { ARM_PRIVATE_BASE, type ArchFacts, syscallNumbers } from "./archs.ts";
import { SECCOMP_RET_DATA } from "./bpf.ts";
import { multiplexed } from "./multiplexed.ts";

const EPERM = 1;

/** One comparison, as wide as the arguments of the architecture. */
export interface Condition {
  readonly index: number;
  readonly op: SeccompOperator;
  /** All ones, except for SCMP_CMP_MASKED_EQ. */
  readonly mask: bigint;
  /** Within `mask`. */
  readonly datum: bigint;
}

/** What happens when all conditions hold. */
export interface Rule {
  /** By ascending argument index; no index comes twice. */
  readonly conditions: readonly Condition[];
  /** SECCOMP_RET_* with its data. */
  readonly ret: number;
}

/** One entry of `syscalls`, or one of the alternatives that it stands for. */
export interface RuleEntry {
  readonly names: readonly string[];
  readonly args: readonly LinuxSeccompArg[];
  readonly ret: number;
  /** Where it is in `syscalls`, for messages. */
  readonly index: number;
}

/** The rules of one architecture. */
export interface ArchRules {
  readonly arch: ArchFacts;
  /** By number (with the x32 bit): the rules in the order in which they are tried; the first that matches decides. */
  readonly byNumber: ReadonlyMap<number, readonly Rule[]>;
  /** The highest number that the profile names, whatever it says of it; undefined when it names none. */
  readonly newest: number | undefined;
  /** Every name that means something here. */
  readonly names: { has(name: string): boolean };
}

/** The value a filter returns for an action. @see seccomp(2), SECCOMP_RET_* */
export function returnValue(action: SeccompAction, errnoRet: number | undefined): number {
  const takesData = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE";
  return SeccompAction[action] + (takesData ? (errnoRet ?? EPERM) & SECCOMP_RET_DATA : 0);
}

/**
 * The entries of a profile. One that tests an argument twice becomes as many as it has tests, as runc has always
 * read it.
 */
export function ruleEntries(profile: LinuxSeccomp): RuleEntry[] {
  return (profile.syscalls ?? []).flatMap(({ names, action, errnoRet, args = [] }, index) => {
    const ret = returnValue(action, errnoRet);
    const repeated = new Set(args.map((arg) => arg.index)).size < args.length;
    const alternatives = repeated ? args.map((arg) => [arg]) : [args];
    return alternatives.map((args) => ({ names, args, ret, index }));
  });
}

/**
 * The rules of `arch`. A rule that says what the default action says anyway is left out, as runc does; names the
 * architecture does not have are ignored.
 *
 * @throws {RuntError} InvalidArgument when two entries have the same conditions and different actions.
 */
export function rulesOf(arch: ArchFacts, entries: readonly RuleEntry[], defaultRet: number): ArchRules {
  const numbers = syscallNumbers(arch.table);
  const byNumber = new RulesByNumber();
  let newest = -1;
  for (const { names, args, ret, index } of entries) {
    const redundant = ret === defaultRet;
    const conditions = conditionsOf(arch, args);
    for (const name of names) {
      const number = numbers.get(name);
      if (number !== undefined) {
        if (number > newest && number < ARM_PRIVATE_BASE) newest = number;
        if (!redundant && byNumber.add(number + arch.bit, conditions, ret) === "conflict") {
          throw contradiction(name, index);
        }
      }
      const via = arch.multiplexed ? multiplexed.get(name) : undefined;
      if (via === undefined) continue;
      const viaNumber = numbers.get(via.via)!;
      if (viaNumber > newest) newest = viaNumber;
      // The arguments lie in memory, where a filter cannot look: the first one tells which call it is, and rules
      // that differ in nothing else collapse into the first of them.
      const isThisCall: Condition = { index: 0, op: "SCMP_CMP_EQ", mask: mask32, datum: BigInt(via.call) };
      if (!redundant) byNumber.add(viaNumber, [isThisCall, ...conditions.filter((c) => c.index !== 0)], ret);
    }
  }
  return {
    arch,
    byNumber: byNumber.inOrder(),
    newest: newest < 0 ? undefined : newest + arch.bit,
    names: { has: (name) => numbers.has(name) || (arch.multiplexed && multiplexed.has(name)) },
  };
}

function contradiction(name: string, index: number): RuntError {
  const what = `seccomp: two rules for ${name} have the same conditions and different actions`;
  const subject = `config.json: linux.seccomp.syscalls[${index}]`;
  return new RuntError("InvalidArgument", what, { operation: "create", subject });
}

const mask32 = 2n ** 32n - 1n;
const mask64 = 2n ** 64n - 1n;

/** The arguments as conditions by ascending index, without those that always hold. */
function conditionsOf(arch: ArchFacts, args: readonly LinuxSeccompArg[]): Condition[] {
  const width = arch.argBits === 64 ? mask64 : mask32;
  return args
    .map(({ index, op, value, valueTwo = 0 }) => {
      const masked = op === "SCMP_CMP_MASKED_EQ";
      const mask = masked ? BigInt(value) & width : width;
      return { index, op, mask, datum: BigInt(masked ? valueTwo : value) & mask };
    })
    .filter((c) => c.mask !== 0n)
    .sort((a, b) => a.index - b.index);
}

/** An unconditional rule outweighs all others of its number; of two the first one counts. */
class RulesByNumber {
  readonly #always = new Map<number, readonly Rule[]>();
  readonly #trees = new Map<number, RuleTree>();
  /** One list for each action, so that it is quickly seen which numbers are treated alike. */
  readonly #listOf = new Map<number, readonly Rule[]>();

  add(number: number, conditions: readonly Condition[], ret: number): "added" | "shadowed" | "conflict" {
    if (this.#always.has(number)) return "shadowed";
    if (conditions.length === 0) {
      this.#always.set(number, this.#unconditional(ret));
      this.#trees.delete(number);
      return "added";
    }
    let tree = this.#trees.get(number);
    if (!tree) {
      tree = new RuleTree();
      this.#trees.set(number, tree);
    }
    return tree.add(conditions, ret);
  }

  inOrder(): ReadonlyMap<number, readonly Rule[]> {
    for (const [number, tree] of this.#trees) this.#always.set(number, tree.inOrder());
    this.#trees.clear();
    return this.#always;
  }

  #unconditional(ret: number): readonly Rule[] {
    let rules = this.#listOf.get(ret);
    if (!rules) {
      rules = [{ conditions: [], ret }];
      this.#listOf.set(ret, rules);
    }
    return rules;
  }
}

interface TreeNode {
  readonly condition: Condition;
  /** Set when a rule ends here. */
  ret: number | undefined;
  readonly next: TreeNode[];
}

/**
 * The conditional rules of one number as a tree, siblings in libseccomp's order, so that profiles whose rules overlap
 * mean the same here as there: later arguments first; equality before less-than before greater-than; of two bounds
 * the narrower one first.
 */
class RuleTree {
  readonly #roots: TreeNode[] = [];

  add(conditions: readonly Condition[], ret: number): "added" | "shadowed" | "conflict" {
    let level = this.#roots;
    let node: TreeNode | undefined;
    for (const condition of conditions) {
      if (node?.ret !== undefined) return "shadowed";
      node = level.find((n) => same(n.condition, condition));
      if (!node) {
        node = { condition, ret: undefined, next: [] };
        const after = level.findIndex((n) => compare(n.condition, condition) > 0);
        level.splice(after < 0 ? level.length : after, 0, node);
      }
      level = node.next;
    }
    if (node!.ret !== undefined && node!.ret !== ret) return "conflict";
    node!.ret = ret;
    return "added";
  }

  inOrder(): Rule[] {
    const rules: Rule[] = [];
    const visit = (node: TreeNode, before: readonly Condition[]): void => {
      const conditions = [...before, node.condition];
      for (const next of node.next) visit(next, conditions);
      if (node.ret !== undefined) rules.push({ conditions, ret: node.ret });
    };
    for (const root of this.#roots) visit(root, []);
    return rules;
  }
}

function same(a: Condition, b: Condition): boolean {
  return a.index === b.index && a.op === b.op && a.mask === b.mask && a.datum === b.datum;
}

const opRank: Record<SeccompOperator, number> = {
  SCMP_CMP_EQ: 0,
  SCMP_CMP_NE: 0,
  SCMP_CMP_MASKED_EQ: 0,
  SCMP_CMP_LE: 1,
  SCMP_CMP_LT: 1,
  SCMP_CMP_GE: 2,
  SCMP_CMP_GT: 2,
};

/** Less than zero when `a` is tried before `b`. */
function compare(a: Condition, b: Condition): number {
  const order = b.index - a.index || opRank[a.op] - opRank[b.op];
  if (order !== 0 || a.datum === b.datum) return order;
  const ascending = opRank[a.op] === opRank.SCMP_CMP_LT;
  return a.datum < b.datum === ascending ? -1 : 1;
}
