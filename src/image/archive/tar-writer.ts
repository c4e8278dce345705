/** A tar of whole files, as a stream: nothing of it depends on the time or on who makes it. */
import { RuntError } from "../../errors.ts";
import type { TarEntry } from "../layer/entry.ts";
import { endOfArchive, header, padding } from "../layer/tar-writer.ts";

/** One file, or a directory where `content` is absent. */
export interface TarFile {
  readonly name: string;
  /** In bytes; `content` has exactly as many. */
  readonly size: number;
  readonly content?: string | AsyncIterable<Uint8Array>;
}

/** The bytes of a tar with these files, in pieces that are the caller's to keep. */
export async function* writeTar(files: Iterable<TarFile>): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    yield header(entryOf(file));
    yield* contentOf(file);
    if (padding(file.size).length > 0) yield padding(file.size);
  }
  yield endOfArchive;
}

/** @throws {RuntError} Internal where it is not as long as its header said: the tar would be garbage from here on */
async function* contentOf({ name, size, content }: TarFile): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const piece of typeof content === "string" ? [Buffer.from(content)] : (content ?? [])) {
    length += piece.length;
    yield Buffer.from(piece);
  }
  if (length === size) return;
  throw new RuntError("Internal", `${name} has ${length} bytes, not ${size}`, {
    operation: "save",
    subject: name,
  });
}

function entryOf({ name, size, content }: TarFile): TarEntry {
  const [type, mode] = content === undefined ? (["directory", 0o755] as const) : (["file", 0o444] as const);
  const times = { mtimeS: 0, mtimeNs: 0, atimeS: 0, atimeNs: 0 };
  const nothing = { linkname: "", uid: 0, gid: 0, major: 0, minor: 0, xattrs: undefined, sparse: undefined };
  return { name, type, mode, size, ...times, ...nothing };
}
