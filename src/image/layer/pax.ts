/**
 * PAX extended headers: records of "LENGTH KEY=VALUE\n", where LENGTH counts the whole record and VALUE may be any
 * bytes, a newline and a NUL among them.
 * @see pax(1) of POSIX, "pax Extended Header"
 */
import { malformed } from "./malformed.ts";

export interface PaxRecords {
  /** Of the keys that are known here; "" takes back what the header itself says. Byte strings. */
  readonly values: ReadonlyMap<string, string>;
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** GNU.sparse.offset and GNU.sparse.numbytes, which come again and again: in the order they stand there. */
  readonly sparse: readonly string[];
  /** Whether anything is said of sparse files. */
  readonly isSparse: boolean;
}

const known = new Set([
  "path",
  "linkpath",
  "size",
  "uid",
  "gid",
  "mtime",
  "atime",
  "GNU.sparse.major",
  "GNU.sparse.minor",
  "GNU.sparse.name",
  "GNU.sparse.realsize",
  "GNU.sparse.size",
  "GNU.sparse.numblocks",
  "GNU.sparse.map",
]);

const schily = "SCHILY.xattr.";
const libarchive = "LIBARCHIVE.xattr.";

/** @throws {RuntError} InvalidArgument */
export function parsePax(bytes: Uint8Array): PaxRecords {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const values = new Map<string, string>();
  let xattrs: Map<string, Uint8Array> | undefined;
  const sparse: string[] = [];
  let isSparse = false;
  for (let at = 0; at < text.length; ) {
    const space = text.indexOf(" ", at);
    const end = endOfRecord(text, at, space);
    const equals = text.indexOf("=", space);
    if (equals < 0 || equals >= end || equals === space + 1) throw malformed("a PAX record has no key");
    const key = text.slice(space + 1, equals);
    const value = text.slice(equals + 1, end - 1);
    at = end;
    isSparse ||= key.startsWith("GNU.sparse.");
    if (known.has(key)) {
      if (value.includes("\0")) throw malformed(`a PAX header's ${key} has a NUL in it`, value);
      values.set(key, value);
    } else if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      if ((key === "GNU.sparse.offset") !== (sparse.length % 2 === 0))
        throw malformed("a PAX header's sparse map has no order");
      sparse.push(value);
    } else if (key.startsWith(schily)) {
      xattrs ??= new Map();
      xattrs.set(attributeName(key.slice(schily.length)), Buffer.from(value, "latin1"));
    } else if (key.startsWith(libarchive)) {
      // The same once more, in base64; SCHILY's counts where both are there.
      const name = attributeName(decodeURIComponentOfBytes(key.slice(libarchive.length)));
      xattrs ??= new Map();
      if (!xattrs.has(name)) xattrs.set(name, Buffer.from(value, "base64"));
    }
  }
  return { values, xattrs, sparse, isSparse };
}

function endOfRecord(text: string, at: number, space: number): number {
  let length = space - at > 10 ? Number.NaN : 0;
  for (let i = at; i < space; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    length = digit >= 0 && digit <= 9 ? length * 10 + digit : Number.NaN;
  }
  const end = at + length;
  if (space <= at || !(end > space + 1 && end <= text.length) || text[end - 1] !== "\n")
    throw malformed("a PAX record has no valid length");
  return end;
}

function attributeName(name: string): string {
  if (name === "" || name.includes("\0"))
    throw malformed("a PAX header has an attribute without a valid name");
  return name;
}

function decodeURIComponentOfBytes(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Decimal seconds with a fraction, "-1.5" being half a second before −1. @throws {RuntError} InvalidArgument */
export function parseTime(text: string): { s: number; ns: number } {
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text) ?? [];
  const s = Number(whole);
  if (!Number.isSafeInteger(s)) throw malformed("a PAX header has no valid time");
  const ns = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (sign !== "-") return { s, ns };
  return ns === 0 ? { s: -s, ns } : { s: -s - 1, ns: 1e9 - ns };
}

/** @throws {RuntError} InvalidArgument */
export function parseDecimal(text: string, what: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw malformed(`a PAX header has no valid ${what}`);
  return number;
}
