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

const alignments: Record<string, number> = { y: 1, g: 1, v: 1, n: 2, q: 2, x: 8, t: 8, d: 8, "(": 8, "{": 8 };

function alignment(type: string): number {
  return alignments[type[0] ?? ""] ?? 4;
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
    switch (type[0]) {
      case "y":
        return this.#put(1, (view, at) => view.setUint8(at, value as number));
      case "b":
        return this.#put(4, (view, at) => view.setUint32(at, value ? 1 : 0, true));
      case "n":
        return this.#put(2, (view, at) => view.setInt16(at, value as number, true));
      case "q":
        return this.#put(2, (view, at) => view.setUint16(at, value as number, true));
      case "i":
        return this.#put(4, (view, at) => view.setInt32(at, value as number, true));
      case "u":
        return this.#put(4, (view, at) => view.setUint32(at, value as number, true));
      case "x":
        return this.#put(8, (view, at) => view.setBigInt64(at, BigInt(value as bigint), true));
      case "t":
        return this.#put(8, (view, at) => view.setBigUint64(at, BigInt(value as bigint), true));
      case "d":
        return this.#put(8, (view, at) => view.setFloat64(at, value as number, true));
      case "s":
      case "o":
        return this.#writeText(value as string, 4);
      case "g":
        return this.#writeText(value as string, 1);
      case "v": {
        const { signature, value: inner } = value as Variant;
        this.#writeText(signature, 1);
        return this.write(signature, inner);
      }
      case "(":
      case "{":
        return this.writeAll(type.slice(1, -1), value as readonly DBusValue[]);
      case "a":
        return this.#writeArray(type.slice(1), value as readonly DBusValue[] | Uint8Array);
      default:
        throw new TypeError(`not a D-Bus type: ${type}`);
    }
  }

  #writeText(text: string, lengthSize: 1 | 4): void {
    const bytes = new TextEncoder().encode(text);
    this.#put(lengthSize, (view, at) =>
      lengthSize === 1 ? view.setUint8(at, bytes.length) : view.setUint32(at, bytes.length, true),
    );
    this.#append(bytes);
    this.#put(1, (view, at) => view.setUint8(at, 0));
  }

  #writeArray(element: string, values: readonly DBusValue[] | Uint8Array): void {
    const lengthAt = this.#length;
    this.#put(4, () => {});
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

  #put(size: number, write: (view: DataView, at: number) => void): void {
    this.#reserve(size);
    write(this.#view, this.#length);
    this.#length += size;
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
    switch (type[0]) {
      case "y":
        return this.#view.getUint8(this.#take(1));
      case "b":
        return this.#view.getUint32(this.#take(4), true) !== 0;
      case "n":
        return this.#view.getInt16(this.#take(2), true);
      case "q":
        return this.#view.getUint16(this.#take(2), true);
      case "i":
        return this.#view.getInt32(this.#take(4), true);
      case "u":
      case "h":
        return this.#view.getUint32(this.#take(4), true);
      case "x":
        return this.#view.getBigInt64(this.#take(8), true);
      case "t":
        return this.#view.getBigUint64(this.#take(8), true);
      case "d":
        return this.#view.getFloat64(this.#take(8), true);
      case "s":
      case "o":
        return this.#readText(this.#view.getUint32(this.#take(4), true));
      case "g":
        return this.#readText(this.#view.getUint8(this.#take(1)));
      case "v": {
        const signature = this.#readText(this.#view.getUint8(this.#take(1)));
        return { signature, value: this.read(signature) };
      }
      case "(":
      case "{":
        return this.readAll(type.slice(1, -1));
      case "a":
        return this.#readArray(type.slice(1));
      default:
        throw new TypeError(`not a D-Bus type: ${type}`);
    }
  }

  #readText(length: number): string {
    const start = this.#take(length + 1);
    return new TextDecoder().decode(this.#bytes.subarray(start, start + length));
  }

  #readArray(element: string): DBusValue[] {
    const length = this.#view.getUint32(this.#take(4), true);
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
