/**
 * Values in GVariant text format, in which annotations give properties to systemd: `uint64 5`, `'text'`,
 * `['a', 'b']`, `@as []`.
 *
 * @see https://docs.gtk.org/glib/gvariant-text-format.html
 */
import { type DBusValue, splitSignature, type Variant } from "../../../linux/dbus-wire.ts";

const typeWords: Record<string, string> = {
  boolean: "b",
  byte: "y",
  int16: "n",
  uint16: "q",
  int32: "i",
  uint32: "u",
  int64: "x",
  uint64: "t",
  double: "d",
  string: "s",
  objectpath: "o",
  signature: "g",
};

const ranges: Record<string, readonly [bigint, bigint]> = {
  y: [0n, 255n],
  n: [-(2n ** 15n), 2n ** 15n - 1n],
  q: [0n, 2n ** 16n - 1n],
  i: [-(2n ** 31n), 2n ** 31n - 1n],
  u: [0n, 2n ** 32n - 1n],
  x: [-(2n ** 63n), 2n ** 63n - 1n],
  t: [0n, 2n ** 64n - 1n],
};

/** Reads `text`. @throws {SyntaxError} telling what it does not understand */
export function parseGVariant(text: string): Variant {
  const parser = new Parser(text);
  const value = parser.value(undefined);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  end(): void {
    if (this.#take(/\s*/) !== undefined && this.#at < this.#text.length) throw this.#error("the end");
  }

  /** @param expected the type, where an annotation or the context has said it */
  value(expected: string | undefined): Variant {
    this.#take(/\s*/);
    if (this.#take(/@/)) return this.#annotated();
    const word = this.#take(/[a-z]+[a-z0-9]*(?=[\s'"([@<-]|$|\d)|true|false/);
    if (word === "true" || word === "false") return this.#typed(expected, "b", word === "true");
    if (word !== undefined) return this.value(typeWords[word] ?? this.#fail(`no type is called ${word}`));
    if (this.#peek(/['"]/)) return this.#typed(expected, "s", this.#string());
    if (this.#take(/\[/)) return this.#array(expected);
    if (this.#take(/\(/)) return this.#tuple(expected);
    if (this.#take(/</)) {
      const inner = this.value(undefined);
      this.#expect(/\s*>/, ">");
      return this.#typed(expected, "v", inner);
    }
    return this.#number(expected);
  }

  #annotated(): Variant {
    const signature = this.#take(/[a-z(){}]+/) ?? this.#fail("a type");
    if (splitSignature(signature).length !== 1) throw this.#error("one complete type");
    return this.value(signature);
  }

  #number(expected: string | undefined): Variant {
    const text = this.#take(/[+-]?(0x[\da-fA-F]+|\d+(\.\d*)?([eE][+-]?\d+)?|\.\d+)/) ?? this.#fail("a value");
    const type = expected ?? (/^[+-]?\d+$|0x/.test(text) ? "i" : "d");
    if (type === "d") return { signature: "d", value: Number(text) };
    const range = ranges[type];
    if (!range || !/^[+-]?\d+$|^0x/.test(text)) throw this.#error(`a value of type ${type}`);
    const value = BigInt(text.replace(/^\+/, ""));
    if (value < range[0] || value > range[1]) throw this.#error(`a number from ${range[0]} to ${range[1]}`);
    return { signature: type, value: type === "x" || type === "t" ? value : Number(value) };
  }

  #string(): string {
    const quote = this.#take(/['"]/);
    let text = "";
    for (;;) {
      const next = this.#take(/\\.|[^\\]/) ?? this.#fail(`the closing ${quote}`);
      if (next === quote) return text;
      text += next.length === 2 ? (escapes[next[1] ?? ""] ?? next.slice(1)) : next;
    }
  }

  #array(expected: string | undefined): Variant {
    const values: DBusValue[] = [];
    let element = expected?.startsWith("a") ? expected.slice(1) : undefined;
    if (expected !== undefined && element === undefined) throw this.#error(`a value of type ${expected}`);
    while (!this.#take(/\s*\]/)) {
      if (values.length > 0) this.#expect(/\s*,/, ",");
      const { signature, value } = this.value(element);
      element ??= signature;
      if (signature !== element) throw this.#error(`elements of type ${element}`);
      values.push(value);
    }
    if (element === undefined) throw this.#error("a type, such as @as, for an empty array");
    return { signature: `a${element}`, value: values };
  }

  #tuple(expected: string | undefined): Variant {
    const types = expected === undefined ? [] : splitSignature(expected.slice(1, -1));
    const members: Variant[] = [];
    while (!this.#take(/\s*,?\s*\)/)) {
      if (members.length > 0) this.#expect(/\s*,/, ",");
      members.push(this.value(types[members.length]));
    }
    const signature = `(${members.map((member) => member.signature).join("")})`;
    return this.#typed(
      expected,
      signature,
      members.map((member) => member.value),
    );
  }

  #typed(expected: string | undefined, signature: string, value: DBusValue): Variant {
    // Object paths and signatures are written as strings.
    if (signature === "s" && (expected === "o" || expected === "g")) return { signature: expected, value };
    if (expected !== undefined && expected !== signature) throw this.#error(`a value of type ${expected}`);
    return { signature, value };
  }

  #peek(pattern: RegExp): boolean {
    return this.#match(pattern) !== undefined;
  }

  #take(pattern: RegExp): string | undefined {
    const text = this.#match(pattern);
    if (text !== undefined) this.#at += text.length;
    return text;
  }

  #match(pattern: RegExp): string | undefined {
    const sticky = new RegExp(pattern.source, "y");
    sticky.lastIndex = this.#at;
    return sticky.exec(this.#text)?.[0];
  }

  #expect(pattern: RegExp, what: string): void {
    if (this.#take(pattern) === undefined) throw this.#error(what);
  }

  #fail(what: string): never {
    throw this.#error(what);
  }

  #error(what: string): SyntaxError {
    return new SyntaxError(`expected ${what} at "${this.#text.slice(this.#at)}"`);
  }
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", a: "\x07" };
