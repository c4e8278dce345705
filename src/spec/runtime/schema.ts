/**
 * The words the schemas of this folder are written in: zod's types, read in one pass.
 *
 * To whoever uses them these are zod schemas: `z.infer`, `z.safeParse` and nesting them in schemas made with
 * zod work. Underneath they are small classes of our own, because a command of a container runtime lives for
 * some milliseconds and reads one document: zod takes several times as long to load and to build a schema of
 * this size as these take for everything (docs/decisions/). zod's view of a schema, its property
 * `_zod`, is made when zod first asks for it; a shape is built when the first object of its kind is read.
 *
 * Three rules hold for every document. `null` is the same as absent, since Go programs write it for empty
 * pointers, lists and maps. Unknown properties are dropped. Reading stops at the first problem, in the order
 * of the schema, so that the same document always gives the same error.
 */
import type * as core from "zod/v4/core";
import { show } from "./document-error.ts";

/** A schema that gives a `T`. */
export type Schema<T = unknown> = core.$ZodType<T>;
/** What a schema gives. */
export type Infer<S extends Schema> = core.output<S>;

/** Why a value is not taken: `message` completes the sentence "mounts[3].source: …". */
export class Refusal {
  readonly message: string;
  /** From the value that was read down to the one that is wrong. */
  path: readonly PropertyKey[] = [];

  constructor(message: string) {
    this.message = message;
  }

  /** The same refusal as seen from the container that has the value at `key`. */
  under(key: PropertyKey): Refusal {
    this.path = [key, ...this.path];
    return this;
  }
}

/** Refuses a value within a `leaf`. */
export function refuse(message: string): Refusal {
  return new Refusal(message);
}

/** What `schema` makes of a value. */
export function read<S extends Schema>(schema: S, value: unknown): Infer<S> | Refusal {
  return node(schema).read(value) as Infer<S> | Refusal;
}

/** The inside of a schema: every one is a Node, typed as zod types it. */
function node(schema: Schema): Node {
  return schema as unknown as Node;
}

function typed<S extends Schema>(made: Node): S {
  return made as unknown as S;
}

const traits: ReadonlySet<string> = new Set(["$ZodType"]);

abstract class Node {
  abstract readonly type: string;
  /** How zod's objects treat a missing member of this schema, on the way in and out. */
  readonly optin: "optional" | "defaulted" | undefined = undefined;
  readonly optout: "optional" | undefined = undefined;

  abstract read(value: unknown): unknown;

  get _zod(): object {
    const run = (payload: core.ParsePayload): core.ParsePayload => {
      const result = this.read(payload.value);
      if (result instanceof Refusal) {
        const path = [...result.path];
        payload.issues.push({
          code: "custom",
          message: result.message,
          input: payload.value,
          path,
          inst: typed(this),
        });
      } else payload.value = result;
      return payload;
    };
    const { type, optin, optout } = this;
    const internals = { def: { type }, traits, optin, optout, run, parse: run, bag: {}, constr: Node };
    Object.defineProperty(this, "_zod", { value: internals });
    return internals;
  }
}

class Leaf extends Node {
  readonly type = "custom";
  readonly take: (value: unknown) => unknown;

  constructor(take: (value: unknown) => unknown) {
    super();
    this.take = take;
  }

  read(value: unknown): unknown {
    return value === undefined ? refuse("is required") : this.take(value);
  }
}

/** A value without inner structure: `take` gives it, perhaps normalised, or a `refuse(…)`. */
export function leaf<T>(take: (value: unknown) => T | Refusal): Schema<T> {
  return typed(new Leaf(take));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

class ObjectNode extends Node {
  readonly type = "object";
  readonly shapeOf: () => Record<string, Schema>;
  shape: Record<string, Schema> | undefined = undefined;

  constructor(shapeOf: () => Record<string, Schema>) {
    super();
    this.shapeOf = shapeOf;
  }

  read(value: unknown): unknown {
    if (!isObject(value)) return refuse(mustBe("an object", value));
    this.shape ??= this.shapeOf();
    const output: Record<string, unknown> = {};
    for (const key in this.shape) {
      const member = node(this.shape[key]!).read(value[key]);
      if (member instanceof Refusal) return member.under(key);
      if (member !== undefined) output[key] = member;
    }
    return output;
  }
}

/** An object with these properties; `shapeOf` is called when the first one is read. */
export function object<S extends Record<string, Schema>>(shapeOf: () => S): core.$ZodObject<S, core.$strip> {
  return typed(new ObjectNode(shapeOf));
}

class ArrayNode extends Node {
  readonly type = "array";
  readonly element: Node;

  constructor(element: Node) {
    super();
    this.element = element;
  }

  read(value: unknown): unknown {
    if (!Array.isArray(value)) return refuse(mustBe("an array", value));
    const output: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      const member = this.element.read(value[i]);
      if (member instanceof Refusal) return member.under(i);
      output.push(member);
    }
    return output;
  }
}

/** An array of `element`. */
export function array<S extends Schema>(element: S): core.$ZodArray<S> {
  return typed(new ArrayNode(node(element)));
}

class RecordNode extends Node {
  readonly type = "record";
  readonly member: Node;

  constructor(member: Node) {
    super();
    this.member = member;
  }

  read(value: unknown): unknown {
    if (!isObject(value)) return refuse(mustBe("an object", value));
    // Without a prototype, so that a key named __proto__ is a key like any other.
    const output = Object.create(null) as Record<string, unknown>;
    for (const key of Object.keys(value)) {
      const absent = value[key] === null || value[key] === undefined;
      if (absent && this.member.type !== "object") continue;
      const member = this.member.read(absent ? {} : value[key]);
      if (member instanceof Refusal) return member.under(key);
      output[key] = member;
    }
    return output;
  }
}

/** An object whose keys are data. A `null` value drops its key, or stands for an empty object. */
export function record<S extends Schema>(member: S): Schema<Record<string, Infer<S>>> {
  return typed(new RecordNode(node(member)));
}

class OptionalNode extends Node {
  readonly type = "optional";
  override readonly optin = "optional";
  override readonly optout = "optional";
  readonly inner: Node;
  readonly empty: "" | 0 | undefined;

  constructor(inner: Node, empty: "" | 0 | undefined) {
    super();
    this.inner = inner;
    this.empty = empty;
  }

  read(value: unknown): unknown {
    return value === undefined || value === null || value === this.empty ? undefined : this.inner.read(value);
  }
}

/**
 * May be absent, and is then absent from what is given too.
 * @param empty a further value that counts as absent: Go programs write "" and 0 for what is not set
 */
export function optional<S extends Schema>(inner: S, empty?: "" | 0): core.$ZodOptional<S> {
  return typed(new OptionalNode(node(inner), empty));
}

class DefaultNode extends Node {
  readonly type = "default";
  override readonly optin = "defaulted";
  readonly inner: Node;
  readonly absent: () => unknown;

  constructor(inner: Node, absent: () => unknown) {
    super();
    this.inner = inner;
    this.absent = absent;
  }

  read(value: unknown): unknown {
    return this.inner.read(value ?? this.absent());
  }
}

/** May be absent; what is given is then read from `absent()`, so that inside it is always there. */
export function defaulted<S extends Schema>(inner: S, absent: () => core.input<S>): core.$ZodDefault<S> {
  return typed(new DefaultNode(node(inner), absent));
}

/** A list that is empty when absent. */
export function list<S extends Schema>(element: S): core.$ZodDefault<core.$ZodArray<S>> {
  return defaulted(array(element), () => []);
}

/** An object that is read as `{}` when absent, so that its own defaults apply. */
export function filled<S extends Schema>(inner: S): core.$ZodDefault<S> {
  return defaulted(inner, () => ({}) as core.input<S>);
}

/** "must be a string, not 5", or "is required" for nothing at all. */
export function mustBe(what: string, value: unknown): string {
  return value === undefined ? "is required" : `must be ${what}, not ${show(value)}`;
}
