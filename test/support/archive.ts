/** Archives byte by byte, also such as no sane program writes. */

/** Fields of one header; what is left out is as usual. Texts are byte strings. */
export interface RawEntry {
  readonly name: string;
  readonly type?: string;
  readonly linkname?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Of the data unless given. */
  readonly size?: number;
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly data?: Uint8Array | string;
  readonly pax?: readonly (readonly [string, string | Uint8Array])[];
  readonly format?: "ustar" | "gnu" | "v7" | "star";
  readonly prefix?: string;
  /** Bytes put into the header as they are, before the checksum is made. */
  readonly patch?: readonly (readonly [offset: number, bytes: Uint8Array | string])[];
  /** The checksum is this instead. */
  readonly checksum?: number;
}

const latin1 = (text: string | Uint8Array) => (typeof text === "string" ? Buffer.from(text, "latin1") : text);

/** Filled up to whole blocks. */
export function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 511)]);
}

/** Octal if it fits, base-256 otherwise. */
export function number(n: number, length: number): Buffer {
  if (n >= 0 && n < 8 ** (length - 1)) return Buffer.from(`${n.toString(8).padStart(length - 1, "0")}\0`);
  const field = Buffer.alloc(length);
  let rest = BigInt.asUintN(length * 8 - 1, BigInt(n));
  for (let i = length - 1; i >= 0; i--, rest >>= 8n) field[i] = Number(rest & 0xffn);
  field[0]! |= 0x80;
  return field;
}

export function header(entry: RawEntry): Buffer {
  const { format = "ustar", data = "", type = "0" } = entry;
  const block = Buffer.alloc(512);
  const put = (at: number, bytes: Uint8Array | string) => block.set(latin1(bytes), at);
  put(0, entry.name.slice(0, 100));
  put(100, number(entry.mode ?? (type === "5" ? 0o755 : 0o644), 8));
  put(108, number(entry.uid ?? 0, 8));
  put(116, number(entry.gid ?? 0, 8));
  put(124, number(entry.size ?? latin1(data).length, 12));
  put(136, number(entry.mtime ?? 1_700_000_000, 12));
  put(156, type);
  put(157, (entry.linkname ?? "").slice(0, 100));
  if (format !== "v7") {
    put(257, format === "gnu" ? "ustar  \0" : "ustar\u000000");
    put(329, number(entry.major ?? 0, 8));
    put(337, number(entry.minor ?? 0, 8));
    put(345, entry.prefix ?? "");
    if (format === "star") put(508, "tar\0");
  }
  for (const [at, bytes] of entry.patch ?? []) put(at, bytes);
  block.fill(0x20, 148, 156);
  const sum = entry.checksum ?? block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** PAX records. */
export function paxRecords(pairs: readonly (readonly [string, string | Uint8Array])[]): Buffer {
  const records = pairs.map(([key, value]) => {
    const rest = Buffer.concat([latin1(` ${key}=`), latin1(value), latin1("\n")]);
    let length = rest.length + 1;
    while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
    return Buffer.concat([latin1(String(length)), rest]);
  });
  return Buffer.concat(records);
}

/** A header, what has to come before it, and the data. */
export function entry(raw: RawEntry): Buffer {
  const parts: Buffer[] = [];
  if (raw.pax) parts.push(meta("x", paxRecords(raw.pax)));
  parts.push(header(raw), padded(latin1(raw.data ?? "")));
  return Buffer.concat(parts);
}

/** A header about the next one. */
export function meta(type: string, body: Uint8Array | string): Buffer {
  return Buffer.concat([header({ name: "././@LongLink", type, data: body }), padded(latin1(body))]);
}

export const end: Buffer = Buffer.alloc(1024);

/** A whole archive. */
export function archive(...entries: readonly (RawEntry | Buffer)[]): Buffer {
  return Buffer.concat([...entries.map((raw) => (raw instanceof Uint8Array ? raw : entry(raw))), end]);
}
