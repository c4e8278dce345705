/**
 * D-Bus values as bytes, by signature, little-endian. In TypeScript: integers are number, 64-bit ones bigint;
 * arrays and structs are arrays, dictionaries arrays of pairs, and a variant carries its signature.
 *
 * @see https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-marshaling
 */

/** A value that says its own type. */
export interface Variant {
  readonly signature: string;
  readonly value: DBusValue;
}

export type DBusValue = number | bigint | string | boolean | Uint8Array | Variant | readonly DBusValue[];

/** The first complete type of `signature` from `at` on: "a{sv}" of "a{sv}u". */
function completeType(signature: string, at = 0): string {
  const first = signature[at];
  if (first === "a") return `a${completeType(signature, at + 1)}`;
  if (first !== "(" && first !== "{") return first ?? "";
  let end = at + 1;
  while (signature[end] !== ")" && signature[end] !== "}") {
    const member = completeType(signature, end);
    if (member === "") throw new TypeError(`not a D-Bus signature: ${signature}`);
    end += member.length;
  }
  return signature.slice(at, end + 1);
}

/** "a{sv}u(ss)" → ["a{sv}", "u", "(ss)"]. */
export function splitSignature(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const type = completeType(signature, at);
    types.push(type);
    at += type.length;
  }
  return types;
}

/** A type of fixed size, which is also its alignment. */
interface Scalar {
  readonly size: number;
  readonly set: (view: DataView, at: number, value: DBusValue) => void;
  readonly get: (view: DataView, at: number) => DBusValue;
}

const uint32: Scalar = {
  size: 4,
  set: (view, at, value) => view.setUint32(at, value as number, true),
  get: (view, at) => view.getUint32(at, true),
};

const scalars: Readonly<Record<string, Scalar>> = {
  y: {
    size: 1,
    set: (view, at, value) => view.setUint8(at, value as number),
    get: (view, at) => view.getUint8(at),
  },
  b: {
    size: 4,
    set: (view, at, value) => view.setUint32(at, value ? 1 : 0, true),
    get: (view, at) => view.getUint32(at, true) !== 0,
  },
  n: {
    size: 2,
    set: (view, at, value) => view.setInt16(at, value as number, true),
    get: (view, at) => view.getInt16(at, true),
  },
  q: {
    size: 2,
    set: (view, at, value) => view.setUint16(at, value as number, true),
    get: (view, at) => view.getUint16(at, true),
  },
  i: {
    size: 4,
    set: (view, at, value) => view.setInt32(at, value as number, true),
    get: (view, at) => view.getInt32(at, true),
  },
  u: uint32,
  // The number of a file descriptor that came along.
  h: uint32,
  x: {
    size: 8,
    set: (view, at, value) => view.setBigInt64(at, BigInt(value as bigint), true),
    get: (view, at) => view.getBigInt64(at, true),
  },
  t: {
    size: 8,
    set: (view, at, value) => view.setBigUint64(at, BigInt(value as bigint), true),
    get: (view, at) => view.getBigUint64(at, true),
  },
  d: {
    size: 8,
    set: (view, at, value) => view.setFloat64(at, value as number, true),
    get: (view, at) => view.getFloat64(at, true),
  },
};

const alignments: Readonly<Record<string, number>> = { s: 4, o: 4, a: 4, g: 1, v: 1, "(": 8, "{": 8 };

function alignment(type: string): number {
  const first = type[0] ?? "";
  return scalars[first]?.size ?? alignments[first] ?? 1;
}

/** Writes values one after the other, each at its natural alignment. */
export class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was written so far. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  align(to: number): void {
    this.#reserve(to);
    this.#length = Math.ceil(this.#length / to) * to;
  }

  /** All values of `signature`. */
  writeAll(signature: string, values: readonly DBusValue[]): void {
    for (const [i, type] of splitSignature(signature).entries()) this.write(type, values[i] as DBusValue);
  }

  write(type: string, value: DBusValue): void {
    this.align(alignment(type));
    const first = type[0] ?? "";
    const scalar = scalars[first];
    if (scalar) {
      this.#reserve(scalar.size);
      scalar.set(this.#view, this.#length, value);
      this.#length += scalar.size;
    } else if (first === "s" || first === "o") {
      this.#writeText("u", value as string);
    } else if (first === "g") {
      this.#writeText("y", value as string);
    } else if (first === "v") {
      const { signature, value: inner } = value as Variant;
      this.#writeText("y", signature);
      this.write(signature, inner);
    } else if (first === "(" || first === "{") {
      this.writeAll(type.slice(1, -1), value as readonly DBusValue[]);
    } else if (first === "a") {
      this.#writeArray(type.slice(1), value as readonly DBusValue[] | Uint8Array);
    } else {
      throw new TypeError(`not a D-Bus type: ${type}`);
    }
  }

  /** @param lengthType what the length, without the NUL at the end, is written as */
  #writeText(lengthType: "u" | "y", text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.write(lengthType, bytes.length);
    this.#append(bytes);
    this.write("y", 0);
  }

  #writeArray(element: string, values: readonly DBusValue[] | Uint8Array): void {
    const lengthAt = this.#length;
    this.write("u", 0);
    // The length does not count the padding before the first element, which is there even without one.
    this.align(alignment(element));
    const start = this.#length;
    if (values instanceof Uint8Array) this.#append(values);
    else for (const value of values) this.write(element, value);
    this.#view.setUint32(lengthAt, this.#length - start, true);
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + size));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Reads what `Writer` writes. Reading beyond the end throws a RangeError. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  /** @param bytes from the beginning of the message, since alignment counts from there */
  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  align(to: number): void {
    this.#at = Math.ceil(this.#at / to) * to;
  }

  readAll(signature: string): DBusValue[] {
    return splitSignature(signature).map((type) => this.read(type));
  }

  read(type: string): DBusValue {
    this.align(alignment(type));
    const first = type[0] ?? "";
    const scalar = scalars[first];
    if (scalar) return scalar.get(this.#view, this.#take(scalar.size));
    if (first === "s" || first === "o") return this.#readText("u");
    if (first === "g") return this.#readText("y");
    if (first === "v") {
      const signature = this.#readText("y");
      return { signature, value: this.read(signature) };
    }
    if (first === "(" || first === "{") return this.readAll(type.slice(1, -1));
    if (first === "a") return this.#readArray(type.slice(1));
    throw new TypeError(`not a D-Bus type: ${type}`);
  }

  #readText(lengthType: "u" | "y"): string {
    const length = this.read(lengthType) as number;
    const start = this.#take(length + 1);
    return new TextDecoder().decode(this.#bytes.subarray(start, start + length));
  }

  #readArray(element: string): DBusValue[] {
    const length = this.read("u") as number;
    this.align(alignment(element));
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError("D-Bus array beyond the end of its message");
    const values: DBusValue[] = [];
    while (this.#at < end) values.push(this.read(element));
    return values;
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw new RangeError("D-Bus value beyond the end of its message");
    this.#at += size;
    return at;
  }
}
