/** One entry of a layer's archive, whatever form of header it was written with. */

/** What a header's type flag means; `meta` types never get this far. */
export type EntryType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

/** Data of a sparse file, in bytes. */
export interface SparseRun {
  readonly offset: number;
  readonly length: number;
}

/** Where all data of a sparse file lie; the rest is holes. In order, not overlapping. */
export type SparseMap = readonly SparseRun[];

export interface TarEntry {
  /** As in the archive: a byte string, not cleaned. */
  readonly name: string;
  readonly type: EntryType;
  /** Target of a symbolic or hard link; a byte string. */
  readonly linkname: string;
  /** The twelve bits that chmod(2) takes. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of the file, holes counted; 0 for what is no file. */
  readonly size: number;
  readonly mtimeS: number;
  readonly mtimeNs: number;
  /** The same as mtime where the archive has none. */
  readonly atimeS: number;
  readonly atimeNs: number;
  /** Of a device. */
  readonly major: number;
  readonly minor: number;
  /** Undefined where there are none. Names are byte strings. */
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** Undefined where the data is all there is. */
  readonly sparse: SparseMap | undefined;
}

/** An empty file that nobody has written: what an entry is until more is said of it. */
export const blankEntry: TarEntry = {
  name: "",
  type: "file",
  linkname: "",
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeS: 0,
  mtimeNs: 0,
  atimeS: 0,
  atimeNs: 0,
  major: 0,
  minor: 0,
  xattrs: undefined,
  sparse: undefined,
};

/** What a reader tells about, in this order: an entry, its data in pieces, its end. */
export interface EntrySink {
  entry(entry: TarEntry): void;
  /** Bytes `start` to `end` of the chunk that is being read belong at `position` of the file. */
  data(start: number, end: number, position: number): void;
  end(): void;
}
