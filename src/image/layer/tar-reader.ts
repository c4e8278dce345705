/**
 * Reads an archive as it comes, in chunks of any size, and tells a sink of its entries; copies nothing but headers that
 * are cut by the end of a chunk. Why this is not tar-stream: docs/decisions/tar.md.
 */
import type { EntrySink, EntryType, SparseRun, TarEntry } from "./entry.ts";
import { type LayerLimits, overLimit } from "./limits.ts";
import { entryText, malformed } from "./malformed.ts";
import { type PaxRecords, parseDecimal, parsePax, parseTime } from "./pax.ts";
import { checkSparse, paxSparse, runsIn, SparseMapText } from "./sparse.ts";
import {
  blockSize,
  isZeroBlock,
  parseDevice,
  parseHeader,
  parseNumber,
  type TarHeader,
  text,
} from "./tar-header.ts";

const types: Readonly<Record<string, EntryType>> = {
  "0": "file",
  "\0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  // Contiguous: on a system that has no such thing, a file.
  "7": "file",
  S: "file",
};

/** chown(2) takes the last one for "leave it". */
const maxId = 2 ** 32 - 2;

type State =
  /** Waiting for a header block. */
  | "header"
  /** One zero block has been seen. */
  | "zero"
  /** Collecting what comes before an entry: PAX records, long names. */
  | "meta"
  /** Collecting sparse runs that did not fit into the header. */
  | "runs"
  /** Collecting the map before the data of a sparse file. */
  | "map"
  | "data"
  /** To the end of the last block of what went before. */
  | "padding"
  /** Behind the end of the archive. */
  | "done";

export class TarReader {
  readonly #sink: EntrySink;
  readonly #limits: LayerLimits;
  #state: State = "header";
  /** A block, of which `#have` bytes are here, when a chunk ends within one. */
  readonly #block = Buffer.alloc(blockSize);
  #have = 0;
  /** Bytes of data, or of padding, to come. */
  #left = 0;
  #padding = 0;
  /** Where the next byte of data belongs in the file. */
  #position = 0;
  /** Of the run that is being read, and bytes of it to come. */
  #run = 0;
  #runLeft = 0;
  #entry: TarEntry | undefined;
  #metaType = "";
  #meta: Buffer = Buffer.alloc(0);
  #metaHave = 0;
  #pax: PaxRecords | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  /** A sparse file whose map is still coming. */
  #unfinished: { entry: TarEntry; stored: number; runs: SparseRun[]; text: SparseMapText } | undefined;
  #entries = 0;
  #bytes = 0;

  constructor(sink: EntrySink, limits: LayerLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Entries read, those too that a layer ignores. */
  get entries(): number {
    return this.#entries;
  }

  /** Whether the archive's own end has been seen; what follows it is not looked at. */
  get done(): boolean {
    return this.#state === "done";
  }

  /** Offsets that the sink hears of are offsets into `chunk`. @throws {RuntError} InvalidArgument */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state !== "done") {
      if (this.#state === "data") at = this.#readData(chunk, at);
      else if (this.#state === "meta") at = this.#readMeta(chunk, at);
      else if (this.#state === "padding") {
        const n = Math.min(this.#left, chunk.length - at);
        at += n;
        this.#left -= n;
        if (this.#left === 0) this.#state = "header";
      } else at = this.#readBlock(chunk, at);
    }
  }

  /** The archive has no more bytes. @throws {RuntError} InvalidArgument where there should be */
  finish(): void {
    // Many writers leave out the blocks that end an archive.
    const complete = this.#state === "done" || this.#state === "header" || this.#state === "zero";
    if (!complete || this.#have > 0) throw malformed("the archive is truncated", this.#entry?.name);
    if (this.#pax || this.#longName !== undefined || this.#longLink !== undefined)
      throw malformed("the archive is truncated: a header comes before an entry that is not there");
  }

  /** A block from the chunk where all of it is there. */
  #readBlock(chunk: Buffer, at: number): number {
    if (this.#have === 0 && chunk.length - at >= blockSize) {
      this.#takeBlock(chunk, at);
      return at + blockSize;
    }
    const n = Math.min(blockSize - this.#have, chunk.length - at);
    chunk.copy(this.#block, this.#have, at, at + n);
    this.#have += n;
    if (this.#have === blockSize) {
      this.#have = 0;
      this.#takeBlock(this.#block, 0);
    }
    return at + n;
  }

  #takeBlock(block: Buffer, at: number): void {
    if (this.#state === "runs") {
      this.#takeRuns(block, at);
      return;
    }
    if (this.#state === "map") {
      this.#takeMap(block, at);
      return;
    }
    if (block[at] === 0 && isZeroBlock(block, at)) {
      if (this.#pax || this.#longName !== undefined || this.#longLink !== undefined)
        throw malformed("a header comes before an entry that is not there");
      this.#state = this.#state === "zero" ? "done" : "zero";
      return;
    }
    if (this.#state === "zero") throw malformed("there is something after half of the archive's end");
    this.#state = "header";
    this.#takeHeader(parseHeader(block, at), block, at);
  }

  #takeHeader(header: TarHeader, block: Buffer, at: number): void {
    switch (header.typeflag) {
      case "x":
      case "X":
      case "g":
      case "L":
      case "K":
        this.#beginMeta(header);
        return;
      case "V":
        // A label of the archive.
        this.#skip(header.size);
        return;
    }
    let type = types[header.typeflag];
    const pax = this.#pax;
    const sparse = pax?.isSparse && header.typeflag !== "S" ? paxSparse(pax) : undefined;
    const name = this.#longName ?? sparse?.name ?? (pax?.values.get("path") || header.name);
    if (type === undefined)
      throw malformed(`entries of type ${JSON.stringify(header.typeflag)} are unknown`, name);
    // Before there was a type for directories.
    if (header.typeflag === "\0" && name.endsWith("/")) type = "directory";
    const entry = this.#entryOf(header, type, name);
    if (type === "character" || type === "block") {
      const device = parseDevice(block, at);
      if (!device || !inU32(device.major) || !inU32(device.minor))
        throw malformed("has no valid device number", name);
      Object.assign(entry, device);
    }
    this.#pax = this.#longName = this.#longLink = undefined;
    const stored = type === "file" ? this.#storedSize(header, pax) : 0;
    if (header.typeflag === "S") {
      this.#beginOldSparse(entry, stored, block, at);
      return;
    }
    if (sparse && type === "file") {
      const whole = { ...entry, size: sparse.realSize };
      if (sparse.map !== "1.0") {
        this.#begin({ ...whole, sparse: sparse.map }, stored);
        return;
      }
      this.#unfinished = { entry: whole, stored, runs: [], text: new SparseMapText() };
      this.#metaHave = 0;
      this.#state = "map";
      return;
    }
    this.#begin({ ...entry, size: stored }, stored);
  }

  #entryOf(header: TarHeader, type: EntryType, name: string): TarEntry {
    const values = this.#pax?.values;
    const xattrs = this.#pax?.xattrs;
    const uid = idOf(values?.get("uid"), header.uid, name);
    const gid = idOf(values?.get("gid"), header.gid, name);
    const mtimeText = values?.get("mtime");
    const atimeText = values?.get("atime");
    const mtime = mtimeText ? parseTime(mtimeText) : { s: header.mtime, ns: 0 };
    const atime = atimeText ? parseTime(atimeText) : mtime;
    if (xattrs && xattrs.size > this.#limits.xattrs)
      throw overLimit(`${entryText(name)} has more than ${this.#limits.xattrs} attributes`, "xattrs");
    return {
      name,
      type,
      linkname: this.#longLink ?? (values?.get("linkpath") || header.linkname),
      mode: header.mode & 0o7777,
      uid,
      gid,
      size: 0,
      mtimeS: mtime.s,
      mtimeNs: mtime.ns,
      atimeS: atime.s,
      atimeNs: atime.ns,
      major: 0,
      minor: 0,
      xattrs,
      sparse: undefined,
    };
  }

  #storedSize(header: TarHeader, pax: PaxRecords | undefined): number {
    const size = pax?.values.get("size");
    return size ? parseDecimal(size, "size") : header.size;
  }

  #begin(entry: TarEntry, stored: number): void {
    if (++this.#entries > this.#limits.entries)
      throw overLimit(`it has more than ${this.#limits.entries} entries`, "entries");
    if (entry.sparse) checkSparse(entry.sparse, entry.size, stored, entry.name);
    this.#bytes += entry.size;
    if (this.#bytes > this.#limits.bytes)
      throw overLimit(
        `${entryText(entry.name)} makes its files more than ${this.#limits.bytes} bytes`,
        "bytes",
      );
    this.#entry = entry;
    this.#sink.entry(entry);
    this.#left = stored;
    this.#padding = -stored & (blockSize - 1);
    this.#position = entry.sparse?.[0]?.offset ?? 0;
    this.#run = 0;
    this.#runLeft = entry.sparse?.[0]?.length ?? stored;
    this.#state = "data";
    if (stored === 0) this.#endOfData();
  }

  #readData(chunk: Buffer, at: number): number {
    const sparse = this.#entry?.sparse;
    while (sparse && this.#runLeft === 0) {
      const run = sparse[++this.#run]!;
      this.#position = run.offset;
      this.#runLeft = run.length;
    }
    const n = Math.min(this.#left, this.#runLeft, chunk.length - at);
    this.#sink.data(at, at + n, this.#position);
    this.#position += n;
    this.#runLeft -= n;
    this.#left -= n;
    if (this.#left === 0) this.#endOfData();
    return at + n;
  }

  #endOfData(): void {
    this.#sink.end();
    this.#entry = undefined;
    this.#pad();
  }

  #pad(): void {
    this.#left = this.#padding;
    this.#state = this.#left === 0 ? "header" : "padding";
  }

  #skip(bytes: number): void {
    this.#left = bytes + (-bytes & (blockSize - 1));
    this.#state = this.#left === 0 ? "header" : "padding";
  }

  #beginMeta({ typeflag, size }: TarHeader): void {
    if (size > this.#limits.headerBytes)
      throw overLimit(`it has a header of ${size} bytes for one entry`, "headerBytes");
    // A global header says things of all entries that follow, none of which are for a layer to say.
    if (typeflag === "g") {
      this.#skip(size);
      return;
    }
    this.#metaType = typeflag;
    this.#meta = Buffer.alloc(size);
    this.#metaHave = 0;
    this.#padding = -size & (blockSize - 1);
    this.#state = "meta";
    if (size === 0) this.#endOfMeta();
  }

  #readMeta(chunk: Buffer, at: number): number {
    const n = chunk.copy(
      this.#meta,
      this.#metaHave,
      at,
      Math.min(chunk.length, at + this.#meta.length - this.#metaHave),
    );
    this.#metaHave += n;
    if (this.#metaHave === this.#meta.length) this.#endOfMeta();
    return at + n;
  }

  #endOfMeta(): void {
    const bytes = this.#meta;
    if (this.#metaType === "L") this.#longName = text(bytes, 0, bytes.length);
    else if (this.#metaType === "K") this.#longLink = text(bytes, 0, bytes.length);
    else this.#pax = parsePax(bytes);
    this.#meta = Buffer.alloc(0);
    this.#pad();
  }

  #beginOldSparse(entry: TarEntry, stored: number, block: Buffer, at: number): void {
    const size = parseNumber(block, at + 483, 12);
    if (size === undefined || size < 0) throw malformed("has no valid size", entry.name);
    const runs = runsIn(block, at + 386, 4);
    const whole = { ...entry, size };
    if (block[at + 482] === 0) {
      this.#begin({ ...whole, sparse: runs }, stored);
      return;
    }
    this.#unfinished = { entry: whole, stored, runs, text: new SparseMapText() };
    this.#state = "runs";
  }

  #takeRuns(block: Buffer, at: number): void {
    const { entry, stored, runs } = this.#unfinished!;
    runs.push(...runsIn(block, at, 21));
    // As many as a PAX header of the largest size could have.
    if (runs.length * 8 > this.#limits.headerBytes)
      throw overLimit(`${entryText(entry.name)} has too many holes`, "headerBytes");
    if (block[at + 504] !== 0) return;
    this.#unfinished = undefined;
    this.#begin({ ...entry, sparse: runs }, stored);
  }

  #takeMap(block: Buffer, at: number): void {
    const unfinished = this.#unfinished!;
    const { entry, text: mapText } = unfinished;
    unfinished.stored -= blockSize;
    if (unfinished.stored < 0) throw malformed("its sparse map does not fit what is stored", entry.name);
    this.#metaHave += blockSize;
    if (this.#metaHave > this.#limits.headerBytes)
      throw overLimit(`${entryText(entry.name)} has too many holes`, "headerBytes");
    const sparse = mapText.write(block, at);
    if (!sparse) return;
    this.#unfinished = undefined;
    this.#begin({ ...entry, sparse }, unfinished.stored);
  }
}

function idOf(pax: string | undefined, inHeader: number, name: string): number {
  const id = pax ? parseDecimal(pax, "owner") : inHeader;
  if (id > maxId) throw malformed(`its owner ${id} is not from 0 to ${maxId}`, name);
  return id;
}

function inU32(n: number): boolean {
  return n >= 0 && n < 2 ** 32;
}
