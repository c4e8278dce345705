/**
 * The four ways in which GNU tar writes files with holes: in the header (type "S"), and as PAX 0.0, 0.1 and 1.0.
 * @see "Storing Sparse Files" in GNU tar's manual
 */
import type { SparseMap, SparseRun } from "./entry.ts";
import { malformed } from "./malformed.ts";
import { type PaxRecords, parseDecimal } from "./pax.ts";
import { blockSize, parseNumber } from "./tar-header.ts";

const sizeOfRun = 24;

/** What PAX records say of a sparse file; undefined where it is none. */
export interface PaxSparse {
  readonly name: string | undefined;
  readonly realSize: number;
  /** "1.0": the map comes before the data. */
  readonly map: SparseMap | "1.0";
}

/** @throws {RuntError} InvalidArgument */
export function paxSparse({ values, sparse }: PaxRecords): PaxSparse | undefined {
  const major = values.get("GNU.sparse.major");
  const minor = values.get("GNU.sparse.minor");
  const size = values.get("GNU.sparse.realsize") ?? values.get("GNU.sparse.size");
  const name = values.get("GNU.sparse.name") || undefined;
  const map = values.get("GNU.sparse.map");
  if (major !== undefined && (major !== "0" || (minor !== "0" && minor !== "1"))) {
    if (major !== "1" || minor !== "0")
      throw malformed(`sparse files of version ${major}.${minor} are unknown`);
    if (size === undefined) throw malformed("a sparse file has no size");
    return { name, realSize: parseDecimal(size, "sparse size"), map: "1.0" };
  }
  if (map === undefined && sparse.length === 0 && values.get("GNU.sparse.numblocks") === undefined)
    return undefined;
  if (size === undefined) throw malformed("a sparse file has no size");
  const numbers = (map === undefined ? sparse : map === "" ? [] : map.split(",")).map((text) =>
    parseDecimal(text, "sparse map"),
  );
  return { name, realSize: parseDecimal(size, "sparse size"), map: pairs(numbers) };
}

function pairs(numbers: readonly number[]): SparseMap {
  if (numbers.length % 2 !== 0) throw malformed("a sparse map has an odd number of numbers");
  const map = [];
  for (let i = 0; i < numbers.length; i += 2) map.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  return map;
}

/** Runs in a type S header (four from 386) or one of the blocks after it (21 from 0). */
export function runsIn(block: Buffer, at: number, count: number): SparseRun[] {
  const map: SparseRun[] = [];
  for (let i = 0; i < count; i++, at += sizeOfRun) {
    if (block[at] === 0 && block[at + 12] === 0) break;
    const offset = parseNumber(block, at, 12);
    const length = parseNumber(block, at + 12, 12);
    if (offset === undefined || length === undefined) throw malformed("a sparse map has no valid numbers");
    map.push({ offset, length });
  }
  return map;
}

/**
 * The text before the data of a 1.0 file: the number of runs, then offset and length of each, a line each, filled up
 * to whole blocks.
 */
export class SparseMapText {
  #rest = "";
  #count: number | undefined;
  readonly #numbers: number[] = [];

  /** Takes one block. @returns the map once it is complete @throws {RuntError} InvalidArgument */
  write(block: Buffer, at: number): SparseMap | undefined {
    const lines = (this.#rest + block.toString("latin1", at, at + blockSize)).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) {
      const number = parseDecimal(line, "sparse map");
      if (this.#count === undefined) this.#count = number;
      else this.#numbers.push(number);
      if (this.#numbers.length === this.#count * 2) return pairs(this.#numbers);
    }
    if (this.#rest.length > 32) throw malformed("a sparse map has no valid numbers");
    return undefined;
  }
}

/** @throws {RuntError} InvalidArgument where runs overlap, go past the end, or are not what is stored */
export function checkSparse(map: SparseMap, realSize: number, storedBytes: number, name: string): void {
  let end = 0;
  let stored = 0;
  for (const { offset, length } of map) {
    if (offset < end || length < 0 || offset + length > realSize)
      throw malformed("its sparse map goes back or past its end", name);
    end = offset + length;
    stored += length;
  }
  if (!(realSize >= 0) || stored !== storedBytes)
    throw malformed("its sparse map does not fit what is stored", name);
}
