/** Values in the shape of a schema: mostly what it takes, sometimes what only looks like it. */
import { Refusal, read, type Schema } from "../../src/spec/runtime/schema.ts";
import type { Random } from "../native/random.ts";

// biome-ignore lint/suspicious/noExplicitAny: any JSON, also of the wrong shape
export type Json = any;

/** The inside of a schema, as the classes of schema.ts have it. */
interface Node {
  readonly type: "object" | "array" | "record" | "optional" | "default" | "custom";
  readonly shapeOf?: () => Record<string, Node>;
  readonly element?: Node;
  readonly member?: Node;
  readonly inner?: Node;
}

/** Strings and numbers to choose from, by the name of the property they are for; "" for all others. */
export type Pools = Readonly<Record<string, readonly Json[]>>;

/** Of no use anywhere, or at the border of something. */
const wild: readonly Json[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  0.5,
  4096,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 2,
  2 ** 32,
  2 ** 53,
  1e300,
  "",
  " ",
  "x",
  ".",
  "/",
  "//",
  "/.",
  "a\nb",
  "a\0b",
  "\u2028",
  "\ud800",
  "é",
  "%s%n",
  "x".repeat(300),
  "-1",
  "0",
  "0-3",
  [],
  [null],
  [""],
  [[]],
  {},
  { "": "" },
  { x: null },
];

export class Shaper {
  readonly #random: Random;
  readonly #pools: Pools;
  /** Of each leaf, the values of its pool that it takes. */
  readonly #accepted = new Map<Node, readonly Json[]>();

  constructor(random: Random, pools: Pools) {
    this.#random = random;
    this.#pools = pools;
  }

  /**
   * A copy of `value`, an instance of `schema`, changed in one place.
   * @returns the place too, as the names that lead there
   */
  mutated(schema: Schema, value: Json): { value: Json; at: string } {
    const copy = structuredClone(value);
    const at = this.#mutate(schema as unknown as Node, copy, "");
    return { value: copy, at };
  }

  #chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)]!;
  }

  /** Walks down from `holder`, which has the shape of `node`, and changes one member. */
  #mutate(node: Node, holder: Json, name: string): string {
    const inside = unwrapped(node);
    if (inside.type === "object" && isObject(holder)) {
      const shape = inside.shapeOf!();
      const key = this.#one(Object.keys(shape));
      const below = this.#descend(shape[key]!, holder[key], key);
      if (below !== undefined) return `${key}.${below}`;
      if (this.#chance(15)) delete holder[key];
      else holder[key] = this.#value(shape[key]!, key, 0);
      return key;
    }
    if (inside.type === "array" && Array.isArray(holder)) {
      const i = this.#random.below(holder.length + 1);
      const below = i < holder.length ? this.#descend(inside.element!, holder[i], name) : undefined;
      if (below !== undefined) return `${i}.${below}`;
      switch (this.#random.below(4)) {
        case 0:
          holder.splice(i, 1);
          break;
        case 1:
          if (holder.length > 0) holder.splice(i, 0, structuredClone(this.#one(holder)));
          break;
        default:
          holder.splice(i, this.#random.below(2), this.#value(inside.element!, name, 0));
      }
      return String(i);
    }
    if (inside.type === "record" && isObject(holder)) {
      const key = this.#chance(40)
        ? this.#one([...Object.keys(holder), "x"])
        : String(this.#one(this.#pool(`${name}.*`)));
      holder[key] = this.#value(inside.member!, name, 0);
      return key;
    }
    return name;
  }

  /** Goes further down where there is something to go into, more often than not. */
  #descend(node: Node, value: Json, name: string): string | undefined {
    const inside = unwrapped(node);
    const goes =
      (inside.type === "object" && isObject(value)) ||
      (inside.type === "array" && Array.isArray(value)) ||
      (inside.type === "record" && isObject(value));
    return goes && this.#chance(85) ? this.#mutate(node, value, name) : undefined;
  }

  /** A value for `node`, which is what the property `name` has. */
  #value(node: Node, name: string, depth: number): Json {
    if (this.#chance(8)) return structuredClone(this.#one(wild));
    const inside = unwrapped(node);
    switch (inside.type) {
      case "object": {
        const value: Record<string, Json> = {};
        for (const [key, member] of Object.entries(inside.shapeOf!())) {
          const isOptional = member.type === "optional" || member.type === "default";
          if (!isOptional || this.#chance(depth > 2 ? 10 : 35))
            value[key] = this.#value(member, key, depth + 1);
        }
        return value;
      }
      case "array":
        return Array.from({ length: this.#random.below(4) }, () =>
          this.#value(inside.element!, name, depth + 1),
        );
      case "record":
        return Object.fromEntries(
          Array.from({ length: this.#random.below(3) }, () => [
            String(this.#one(this.#pool(`${name}.*`))),
            this.#value(inside.member!, name, depth + 1),
          ]),
        );
      default:
        return structuredClone(this.#leaf(inside, name));
    }
  }

  #pool(name: string): readonly Json[] {
    return this.#pools[name] ?? this.#pools[""]!;
  }

  #leaf(node: Node, name: string): Json {
    const pool = this.#pool(name);
    if (this.#chance(12)) return this.#one(pool);
    let accepted = this.#accepted.get(node);
    if (!accepted || this.#pools[name]) {
      const words = wordsOf(node);
      accepted = [...words, ...pool].filter(
        (value) => !(read(node as unknown as Schema, value) instanceof Refusal),
      );
      if (!this.#pools[name]) this.#accepted.set(node, accepted);
    }
    return accepted.length > 0 ? this.#one(accepted) : this.#one(pool);
  }
}

/** What a leaf would have instead, as its own message lists it: words, and the ends of a range. */
function wordsOf(node: Node): Json[] {
  const refusal = read(node as unknown as Schema, "\u0001");
  if (!(refusal instanceof Refusal)) return [];
  const list = /^must be (.*), not "/.exec(refusal.message)?.[1] ?? "";
  const range = /^an integer from (-?\d+) to (\d+)$/.exec(list);
  if (range) return [range[1], range[2]].map(Number);
  return list.split(/, | or /).filter((word) => /^[\w.-]+$/.test(word));
}

function unwrapped(node: Node): Node {
  return node.inner ? unwrapped(node.inner) : node;
}

function isObject(value: Json): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
