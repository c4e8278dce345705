/**
 * One header block of 512 bytes, in the forms it has had: V7, ustar, star and GNU.
 *
 * ```
 *   0 name[100]   100 mode[8]   108 uid[8]   116 gid[8]   124 size[12]   136 mtime[12]   148 checksum[8]
 * 156 typeflag    157 linkname[100]   257 magic[8]   265 uname[32]   297 gname[32]   329 major[8]   337 minor[8]
 * 345 ustar: prefix[155]   star: prefix[131] atime[12] ctime[12] and "tar\0" at 508
 * 345 GNU: atime[12] ctime[12], 386 four sparse runs of (offset[12] length[12]), 482 more, 483 real size[12]
 * ```
 * @see pax(1) of POSIX, tar(5) of libarchive, "Basic Tar Format" in GNU tar's manual
 */
import { malformed } from "./malformed.ts";

export const blockSize = 512;

/** A header as it is written, before PAX records and GNU long names have their say. */
export interface TarHeader {
  readonly name: string;
  readonly linkname: string;
  /** One character; "\0" is "0" of V7. */
  readonly typeflag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
}

const magicOffset = 257;
const prefixOffset = 345;
const NUL = 0;
const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

/** Whether the block is one of the two that end an archive. */
export function isZeroBlock(block: Uint8Array, at: number): boolean {
  // Most headers say so with their first byte.
  for (let i = at; i < at + blockSize; i++) if (block[i] !== NUL) return false;
  return true;
}

/** @throws {RuntError} InvalidArgument where it is none */
export function parseHeader(block: Buffer, at: number): TarHeader {
  checkSum(block, at);
  const name = nameOf(block, at);
  const mtime = parseNumber(block, at + 136, 12);
  if (mtime === undefined) throw malformed("has no valid mtime", name);
  return {
    name,
    linkname: text(block, at + 157, 100),
    typeflag: String.fromCharCode(block[at + 156]!),
    mode: natural(block, at + 100, 8, "mode", name),
    uid: natural(block, at + 108, 8, "uid", name),
    gid: natural(block, at + 116, 8, "gid", name),
    size: natural(block, at + 124, 12, "size", name),
    mtime,
  };
}

function natural(block: Buffer, at: number, length: number, what: string, name: string): number {
  const number = parseNumber(block, at, length);
  if (number === undefined || number < 0) throw malformed(`has no valid ${what}`, name);
  return number;
}

/** Device numbers of a header that has been parsed; looked at only where they mean something. */
export function parseDevice(block: Buffer, at: number): { major: number; minor: number } | undefined {
  const major = parseNumber(block, at + 329, 8);
  const minor = parseNumber(block, at + 337, 8);
  return major === undefined || minor === undefined ? undefined : { major, minor };
}

/** Old writers summed signed bytes. */
function checkSum(block: Buffer, at: number): void {
  let unsigned = 8 * SPACE;
  let high = 0;
  const end = at + blockSize;
  for (let i = at; i < at + 148; i++) {
    unsigned += block[i]!;
    high += block[i]! >> 7;
  }
  for (let i = at + 156; i < end; i++) {
    unsigned += block[i]!;
    high += block[i]! >> 7;
  }
  const said = parseNumber(block, at + 148, 8);
  if (said !== unsigned && said !== unsigned - 256 * high)
    throw malformed("not a tar archive, or a damaged one: a header's checksum is wrong");
}

function nameOf(block: Buffer, at: number): string {
  const name = text(block, at, 100);
  const prefix = prefixOf(block, at);
  return prefix === "" ? name : `${prefix}/${name}`;
}

function prefixOf(block: Buffer, at: number): string {
  if (block[at + prefixOffset] === NUL) return "";
  const magic = block.toString("latin1", at + magicOffset, at + magicOffset + 8);
  if (magic.startsWith("ustar\0")) {
    const isStar = block.toString("latin1", at + 508, at + 512) === "tar\0";
    return text(block, at + prefixOffset, isStar ? 131 : 155);
  }
  if (magic !== "ustar  \0") return "";
  // GNU has times there. Go's first writers called their headers GNU and wrote a prefix all the same.
  const times = [prefixOffset, prefixOffset + 12].map((offset) => parseNumber(block, at + offset, 12));
  return times.includes(undefined) ? text(block, at + prefixOffset, 155) : "";
}

/** Up to the first NUL, as a byte string. */
export function text(block: Buffer, at: number, length: number): string {
  if (block[at] === NUL) return "";
  let end = at;
  while (end < at + length && block[end] !== NUL) end++;
  return block.toString("latin1", at, end);
}

/**
 * Octal digits among spaces and NULs, or, with the first bit set, a big-endian two's complement number.
 * @returns undefined where it is neither, or beyond 2⁵³
 */
export function parseNumber(block: Uint8Array, at: number, length: number): number | undefined {
  if (block[at]! & 0x80) return parseBase256(block, at, length);
  let i = at;
  const end = at + length;
  while (i < end && (block[i] === SPACE || block[i] === NUL)) i++;
  let value = 0;
  for (; i < end; i++) {
    const byte = block[i]!;
    if (byte < ZERO || byte > SEVEN) break;
    value = value * 8 + (byte - ZERO);
  }
  // What stands after the first NUL counts as much as in any C string.
  while (i < end && block[i] === SPACE) i++;
  return i === end || block[i] === NUL ? value : undefined;
}

function parseBase256(block: Uint8Array, at: number, length: number): number | undefined {
  let value = BigInt(block[at]! & 0x7f);
  for (let i = at + 1; i < at + length; i++) value = (value << 8n) | BigInt(block[i]!);
  const number = Number(BigInt.asIntN(length * 8 - 1, value));
  return Number.isSafeInteger(number) ? number : undefined;
}
