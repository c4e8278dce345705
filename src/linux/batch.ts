/**
 * Many system calls in one call through FFI: they are written down as records, and C makes them one after the other
 * until one fails. A call by itself costs some 5 µs here, a hundred in a batch little more than that together.
 *
 * ```ts
 * batch.call(SYS.openat2, file).register(directory).text(batch.string("motd")).text(how).value(24);
 * batch.call(SYS.fchmod).register(file).value(0o644);
 * batch.call(SYS.close).take(file);
 * const stop = batch.run(0, data); // batch.count: all were made
 * ```
 */
import { closeSync } from "node:fs";
import { Bytes, call, I32 } from "./ffi.ts";

/** How C reads an argument; native-shims/batch.c has the same list. */
const VALUE = 0;
const TEXT = 1;
const DATA = 2;
const REGISTER = 3;
const TAKE = 4;

const sizeOfRecord = 64;
const offsetOfArguments = 16;
const two32 = 2 ** 32;

/** How much fits; `full` says when it is time to run. */
export interface BatchSize {
  readonly calls: number;
  readonly textBytes: number;
  /** Register 0 is taken: it is the error of the call that failed. */
  readonly registers: number;
}

/** Where a batch is, for as long as there is one: C reads records and strings there, and writes registers. */
export interface BatchMemory {
  readonly records: Uint8Array;
  readonly text: Uint8Array;
  readonly registers: Uint8Array;
  readonly registerCount: number;
}

export class Batch implements Disposable {
  readonly #records: Uint8Array;
  readonly #words: Int32Array;
  readonly #text: Buffer;
  readonly #textWords: Int32Array;
  readonly #registers: BigInt64Array;
  readonly #calls: number;
  #count = 0;
  #argument = 0;
  #cursor = 0;
  #constants = 0;

  constructor({ calls, textBytes, registers }: BatchSize) {
    this.#calls = calls;
    this.#records = new Uint8Array(calls * sizeOfRecord);
    this.#words = new Int32Array(this.#records.buffer);
    const text = new ArrayBuffer(textBytes);
    this.#text = Buffer.from(text);
    this.#textWords = new Int32Array(text);
    this.#registers = new BigInt64Array(registers).fill(-1n);
  }

  /** How many calls are written down. */
  get count(): number {
    return this.#count;
  }

  /** Whether `calls` more calls with `textBytes` of strings might not fit. */
  full(calls: number, textBytes: number): boolean {
    return this.#count + calls > this.#calls || this.#cursor + textBytes > this.#text.length;
  }

  /** Starts a call; its arguments follow in order. The result goes to register `into` (−1: nowhere). */
  call(number: number, into = -1): this {
    const at = this.#count++ * sizeOfRecord;
    const word = at / 4;
    this.#words[word] = number;
    this.#words[word + 1] = 0;
    this.#words[word + 2] = 0;
    this.#records[at + 10] = into;
    this.#argument = 0;
    return this;
  }

  /** The call begun last fails unless its result is its third argument: a write that must write everything. */
  whole(): this {
    this.#records[(this.#count - 1) * sizeOfRecord + 11] = 1;
    return this;
  }

  /** A number as it is, −2⁵³ to 2⁵³. */
  value(n: number): this {
    return this.#add(VALUE, n);
  }

  /** What `string`, `times` or `constant` gave. */
  text(offset: number): this {
    return this.#add(TEXT, offset);
  }

  /** An offset into the bytes that `run` gets. */
  data(offset: number): this {
    return this.#add(DATA, offset);
  }

  /** What an earlier call left in a register. */
  register(index: number): this {
    return this.#add(REGISTER, index);
  }

  /** The same, and the register has −1 then: for close(2). */
  take(index: number): this {
    return this.#add(TAKE, index);
  }

  #add(kind: number, n: number): this {
    const at = (this.#count - 1) * sizeOfRecord;
    const k = this.#argument++;
    this.#records[at + 4 + k] = kind;
    const word = (at + offsetOfArguments) / 4 + 2 * k;
    this.#words[word] = n | 0;
    this.#words[word + 1] = Math.floor(n / two32);
    return this;
  }

  /** A byte string (one character a byte), with the NUL that ends it. */
  string(bytes: string): number {
    const at = this.#cursor;
    this.#text.write(bytes, at, "latin1");
    this.#cursor = at + bytes.length;
    this.#text[this.#cursor++] = 0;
    return at;
  }

  /** Bytes as they are. */
  bytes(bytes: Uint8Array): number {
    const at = this.#cursor;
    this.#text.set(bytes, at);
    this.#cursor += bytes.length;
    return at;
  }

  /** Two timespecs, for utimensat(2). */
  times(atimeS: number, atimeNs: number, mtimeS: number, mtimeNs: number): number {
    const at = (this.#cursor + 7) & ~7;
    const words = this.#textWords;
    let word = at / 4;
    for (const n of [atimeS, atimeNs, mtimeS, mtimeNs]) {
      words[word++] = n | 0;
      words[word++] = Math.floor(n / two32);
    }
    this.#cursor = at + 32;
    return at;
  }

  /** Bytes that every batch may use; to be called before the first call is written down. */
  constant(bytes: Uint8Array): number {
    const at = (this.#cursor + 7) & ~7;
    this.#text.set(bytes, at);
    this.#cursor = this.#constants = at + bytes.length;
    return at;
  }

  /**
   * Makes the calls from the `from`th on.
   * @param data what `data` arguments are offsets into
   * @returns the index of the call that failed, `count` if none did
   */
  run(from: number, data: Uint8Array): number {
    const registers = new Uint8Array(this.#registers.buffer);
    return call(
      "runt_batch",
      [Bytes, I32, I32, Bytes, Bytes, Bytes],
      [this.#records, from, this.#count, this.#text, data, registers],
    );
  }

  /** For who runs it elsewhere: batch-queue.ts. */
  get memory(): BatchMemory {
    return {
      records: this.#records,
      text: this.#text,
      registers: new Uint8Array(this.#registers.buffer),
      registerCount: this.#registers.length,
    };
  }

  /** How much of its text is written. */
  get textLength(): number {
    return this.#cursor;
  }

  /** After a call has failed: −errno; not negative for a write that was short: the bytes that were written. */
  get error(): number {
    return Number(this.#registers[0]);
  }

  /** What a register holds: −1 if nothing. */
  registerValue(index: number): number {
    return Number(this.#registers[index]);
  }

  /** Closes the fd in a register, if there is one. */
  close(index: number): void {
    const fd = this.registerValue(index);
    this.#registers[index] = -1n;
    if (fd >= 0) closeSync(fd);
  }

  /** Forgets the calls; registers stay as they are. */
  clear(): void {
    this.#count = 0;
    this.#cursor = this.#constants;
  }

  [Symbol.dispose](): void {
    for (let i = 1; i < this.#registers.length; i++) this.close(i);
  }
}
