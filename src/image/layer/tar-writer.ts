/**
 * Writes the headers of an archive: ustar where that has room, and a PAX header before it for what it has no room for.
 * The same entry always gives the same bytes.
 * @see pax(1) of POSIX
 */
import type { EntryType, TarEntry } from "./entry.ts";
import { blockSize } from "./tar-header.ts";

const typeflags: Readonly<Record<EntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** The two blocks that end an archive. */
export const endOfArchive: Uint8Array = new Uint8Array(2 * blockSize);

/** Zeros that fill the last block of `size` bytes of data. */
export function padding(size: number): Uint8Array {
  return endOfArchive.subarray(0, -size & (blockSize - 1));
}

/** The header blocks of an entry; its data, `padding` after them, come next. Times of last access are left out. */
export function header(entry: TarEntry): Buffer {
  const records = paxRecords(entry);
  const own = ustar(entry, typeflags[entry.type], entry.size);
  if (records.length === 0) return own;
  const body = Buffer.concat(records);
  const base = entry.name.replace(/\/+$/, "").split("/").pop()!;
  const extended = { ...entry, name: `PaxHeaders/${base.slice(0, 80)}`, linkname: "", xattrs: undefined };
  return Buffer.concat([
    ustar({ ...extended, mode: 0o644, uid: 0, gid: 0, mtimeS: 0, mtimeNs: 0 }, "x", body.length),
    body,
    padding(body.length),
    own,
  ]);
}

const nameBytes = 100;
const maxOctal7 = 0o7777777;
const maxOctal11 = 0o77777777777;

/** In the order of their keys. */
function paxRecords(entry: TarEntry): Buffer[] {
  const records: [string, Uint8Array | string][] = [];
  if (needsPax(entry.name)) records.push(["path", entry.name]);
  if (needsPax(entry.linkname)) records.push(["linkpath", entry.linkname]);
  if (entry.size > maxOctal11) records.push(["size", String(entry.size)]);
  if (entry.uid > maxOctal7) records.push(["uid", String(entry.uid)]);
  if (entry.gid > maxOctal7) records.push(["gid", String(entry.gid)]);
  if (entry.mtimeNs !== 0 || entry.mtimeS < 0 || entry.mtimeS > maxOctal11)
    records.push(["mtime", decimalTime(entry.mtimeS, entry.mtimeNs)]);
  for (const [name, value] of entry.xattrs ?? []) records.push([`SCHILY.xattr.${name}`, value]);
  records.sort(([a], [b]) => (a < b ? -1 : 1));
  return records.map(([key, value]) => record(key, value));
}

/** Too long, or not ASCII, about which ustar says nothing. */
function needsPax(name: string): boolean {
  return name.length > nameBytes || /[^\x20-\x7e]/.test(name);
}

/** "LENGTH KEY=VALUE\n", where LENGTH counts its own digits. */
function record(key: string, value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "latin1") : value;
  const rest = 3 + key.length + bytes.length;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, "latin1"), bytes, Buffer.from("\n")]);
}

function decimalTime(s: number, ns: number): string {
  if (ns === 0) return String(s);
  // -1.5 is 2 whole seconds before 1970 and half a second after that.
  const [sign, whole, fraction] = s < 0 ? ["-", -s - 1, 1e9 - ns] : ["", s, ns];
  return `${sign}${whole}.${String(fraction).padStart(9, "0").replace(/0+$/, "")}`;
}

function ustar(entry: TarEntry, typeflag: string, size: number): Buffer {
  const block = Buffer.alloc(blockSize);
  const string = (text: string, at: number, length: number) =>
    block.write(text.slice(0, length), at, "latin1");
  /** What does not fit is in the PAX header, and anything here. */
  const octal = (n: number, at: number, digits: number) =>
    string((n >= 0 && n < 8 ** digits ? n : 0).toString(8).padStart(digits, "0"), at, digits);
  string(entry.name, 0, nameBytes);
  octal(entry.mode, 100, 7);
  octal(entry.uid, 108, 7);
  octal(entry.gid, 116, 7);
  octal(size, 124, 11);
  octal(entry.mtimeS, 136, 11);
  string(typeflag, 156, 1);
  string(entry.linkname, 157, nameBytes);
  string("ustar\u000000", 257, 8);
  octal(entry.major, 329, 7);
  octal(entry.minor, 337, 7);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  string(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8);
  return block;
}
