/**
 * The flat binary form of a plan, which the shim checks whole before it acts.
 *
 * ```
 * header   see `headerSize`
 * ops      `opSize` bytes each: u16 kind, u8 phase, u8 optional, u32 otherwise, u64 argument[6]
 * data     what the arguments point to by offset from the start of data
 *          str    bytes and a NUL           strs  u32 count, then u32 offset of each
 *          bytes  the bytes, 8-aligned, with their length as the u32 before them
 * ```
 * `otherwise` counts the ops that follow as this one's fallback: run if it fails, skipped if not.
 */
import {
  type ArgType,
  Make,
  type Op,
  opNames,
  opTable,
  type Phase,
  phases,
  type Slot,
  Stay,
  syncPoints,
} from "./ops.ts";

/**
 * First word of a plan: a fingerprint of the op table (FNV-1a), so that a shim of another build refuses the plan
 * instead of reading other ops into it.
 */
export const magic =
  typeof BUILT_PLAN_MAGIC === "number"
    ? BUILT_PLAN_MAGIC
    : fingerprint(JSON.stringify([opTable, phases, syncPoints, Stay, Make]));

/** Put in by the build of the programs, where to compute it again and again would be a waste. */
declare const BUILT_PLAN_MAGIC: number | undefined;

function fingerprint(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}

export const headerSize = 64;
export const opSize = 56;
export const maxArgs = 6;
export const maxOps = 4096;
export const maxSlots = 512;
export const noSlot = 0xffff_ffff;

/** What a plan is to the shim: how to clone, and four lists of ops. */
export interface Program {
  /** CLONE_NEW* for clone3(2). */
  readonly cloneFlags: number;
  /** Slot of a cgroup2 directory for CLONE_INTO_CGROUP. */
  readonly cgroup: Slot | null;
  /** One of `Stay`. */
  readonly stay: number;
  /** Whether init is killed when the runtime goes away, after ready too. */
  readonly dieWithRuntime: boolean;
  /** Names of the fds that the runtime hands over; they are slots 0, 1, 2, … */
  readonly inherited: readonly Slot[];
  readonly ops: Readonly<Record<Phase, readonly Op[]>>;
}

/** A program in binary, and the ops in the order in which messages count them. */
export interface EncodedProgram {
  readonly bytes: Buffer;
  readonly ops: readonly Op[];
}

/** Serialises a program. Slots get numbers in the order in which they are first named. */
export function encodeProgram(program: Program): EncodedProgram {
  const slots = new Map<Slot, number>();
  const slotNumber = (slot: Slot | null): number => {
    if (slot === null) return noSlot;
    let n = slots.get(slot);
    if (n === undefined) {
      n = slots.size;
      slots.set(slot, n);
    }
    return n;
  };
  for (const slot of program.inherited) slotNumber(slot);

  const data = new DataWriter();
  const flat: Op[] = [];
  const rows: { op: Op; phase: number; otherwise: number }[] = [];
  const counts: number[] = [];
  for (const [phase, name] of phases.entries()) {
    const before = flat.length;
    const add = (op: Op): void => {
      const row = { op, phase, otherwise: 0 };
      const after = flat.push(op);
      rows.push(row);
      for (const fallback of op.otherwise ?? []) add(fallback);
      row.otherwise = flat.length - after;
    };
    for (const op of program.ops[name]) add(op);
    counts.push(flat.length - before);
  }
  if (flat.length > maxOps)
    throw new RangeError(`a plan of ${flat.length} ops; at most ${maxOps} are possible`);

  const opBytes = Buffer.alloc(flat.length * opSize);
  // Word by word: every machine that runt is for is little-endian, and methods of Buffer take ten times as long.
  const words = new Uint32Array(opBytes.buffer, opBytes.byteOffset, opBytes.length / 4);
  let at = 0;
  for (const { op, phase, otherwise } of rows) {
    const { kind, args } = layoutOf(op.op);
    words[at] = kind | (phase << 16) | (op.optional ? 1 << 24 : 0);
    words[at + 1] = otherwise;
    const values = op as unknown as Record<string, unknown>;
    let to = at + 2;
    for (const [name, type] of args) {
      writeWord(words, to, argument(type, values[name], data, slotNumber));
      to += 2;
    }
    at += opSize / 4;
  }
  const cgroup = slotNumber(program.cgroup);
  if (slots.size > maxSlots)
    throw new RangeError(`a plan of ${slots.size} fds; at most ${maxSlots} are possible`);

  const body = data.bytes();
  const header = Buffer.alloc(headerSize);
  header.writeUInt32LE(magic, 0);
  header.writeUInt32LE(headerSize + opBytes.length + body.length, 4);
  header.writeBigUInt64LE(BigInt(program.cloneFlags), 8);
  header.writeUInt32LE(program.stay, 16);
  header.writeUInt32LE(program.dieWithRuntime ? 1 : 0, 20);
  header.writeUInt32LE(cgroup, 24);
  header.writeUInt32LE(program.inherited.length, 28);
  header.writeUInt32LE(slots.size, 32);
  for (const [i, count] of counts.entries()) header.writeUInt32LE(count, 36 + 4 * i);
  header.writeUInt32LE(body.length, 52);
  return { bytes: Buffer.concat([header, opBytes, body]), ops: flat };
}

/** Number and arguments of an op. */
interface Layout {
  readonly kind: number;
  readonly args: readonly (readonly [string, ArgType])[];
}

/** Those that were looked up: a plan has a few of them, many times. */
const layouts = new Map<Op["op"], Layout>();

function layoutOf(name: Op["op"]): Layout {
  let layout = layouts.get(name);
  if (!layout) {
    layout = { kind: opNames.indexOf(name), args: Object.entries(opTable[name].args) as [string, ArgType][] };
    layouts.set(name, layout);
  }
  return layout;
}

/** A u64 of two's complement. Bigints are slow, and most values are small numbers. */
function writeWord(words: Uint32Array, at: number, value: number | bigint): void {
  if (typeof value === "number" && value >= 0 && value <= 0xffff_ffff) {
    words[at] = value;
    return; // the upper half is zero already
  }
  const all = BigInt.asUintN(64, BigInt(value));
  words[at] = Number(all & 0xffff_ffffn);
  words[at + 1] = Number(all >> 32n);
}

function argument(
  type: ArgType,
  value: unknown,
  data: DataWriter,
  slot: (s: Slot | null) => number,
): number | bigint {
  switch (type) {
    case "slot":
      return slot(value as Slot | null);
    case "str":
      return data.text(value as string);
    case "strs":
      return data.texts(value as string[]);
    case "bytes":
      return data.blob(value as Uint8Array);
    case "num":
      return value as number | bigint;
  }
}

/** Appends strings and bytes, each string once. */
class DataWriter {
  #buffer = Buffer.alloc(8192);
  readonly #known = new Map<string, number>();
  #length = 0;

  text(value: string): number {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    // UTF-8 takes at most three bytes for what is one unit in JavaScript.
    const offset = this.#reserve(value.length * 3 + 1);
    this.#length += this.#buffer.write(value, offset, "utf8") + 1;
    this.#known.set(value, offset);
    return offset;
  }

  texts(values: readonly string[]): number {
    const offsets = values.map((value) => this.text(value));
    this.#align(4);
    const offset = this.#reserve(4 + 4 * offsets.length);
    this.#word(offsets.length);
    for (const each of offsets) this.#word(each);
    return offset;
  }

  blob(value: Uint8Array): number {
    // The length sits in the four bytes before an 8-aligned body.
    this.#align(8);
    this.#reserve(8 + value.length);
    this.#length += 4;
    this.#word(value.length);
    const offset = this.#length;
    this.#buffer.set(value, offset);
    this.#length += value.length;
    return offset;
  }

  bytes(): Buffer {
    // A last NUL, so that no string can run past the end.
    this.#reserve(8);
    return this.#buffer.subarray(0, this.#length + 8);
  }

  #word(value: number): void {
    this.#buffer.writeUInt32LE(value, this.#length);
    this.#length += 4;
  }

  #align(to: number): void {
    this.#length = Math.ceil(this.#length / to) * to;
  }

  /** Makes room for `size` zero bytes. @returns where they begin */
  #reserve(size: number): number {
    if (this.#length + size + 8 > this.#buffer.length) {
      const larger = Buffer.alloc(2 * (this.#length + size + 8));
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    return this.#length;
  }
}
