/** An archive of files, as `cp` takes it, written into a directory that has files already. */
import type { Fd } from "../../linux/fd.ts";
import { decompress } from "./decompress.ts";
import type { EntrySink, TarEntry } from "./entry.ts";
import { cleanPath } from "./entry-name.ts";
import { defaultLimits, type LayerLimits } from "./limits.ts";
import { TarReader } from "./tar-reader.ts";
import { LayerWriter } from "./writer.ts";

/** Whose an entry becomes. */
export type OwnerOf = (entry: Pick<TarEntry, "uid" | "gid">) => {
  readonly uid: number;
  readonly gid: number;
};

export interface ExtractOptions {
  /** Below it is everything, wherever links lead. Stays the caller's. */
  readonly root: Fd;
  /** The directory that the archive's names are in: without links on the way, "" for the root itself. */
  readonly directory: string;
  readonly owner: OwnerOf;
  /** "skip" leaves out devices, and attributes of the system's: an ordinary user may not make them. */
  readonly privileged: "make" | "skip";
  readonly warn?: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the files of an archive, compressed or not. A file takes the place of one that is there; a directory is added
 * to; neither takes the place of the other. Others may write to the directory meanwhile: then it is theirs or ours, but
 * nothing outside `root`.
 * @throws {RuntError} InvalidArgument for what is no archive, or would lead out of the directory; FailedPrecondition
 */
export async function extractArchive(
  archive: AsyncIterable<Uint8Array>,
  { root, directory, owner, privileged, warn = () => {}, signal }: ExtractOptions,
): Promise<void> {
  const limits: LayerLimits = { ...defaultLimits, bytes: Number.MAX_SAFE_INTEGER };
  using writer = new LayerWriter(root, {
    target: "flat",
    meaning: "files",
    userXattr: false,
    limits,
    devices: privileged,
    warn,
  });
  const reader = new TarReader(new Moved(writer, { directory, owner, privileged, limits }), limits);
  const { bytes } = await decompress(archive);
  for await (const chunk of bytes) {
    signal?.throwIfAborted();
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    writer.chunk = buffer;
    reader.write(buffer);
    writer.flush();
  }
  signal?.throwIfAborted();
  reader.finish();
  writer.finish();
}

interface Move extends Pick<ExtractOptions, "directory" | "owner" | "privileged"> {
  readonly limits: LayerLimits;
}

/** Puts what an archive has below a directory, and gives it to somebody. */
class Moved implements EntrySink {
  readonly #sink: EntrySink;
  readonly #move: Move;
  #skipped = false;

  constructor(sink: EntrySink, move: Move) {
    this.#sink = sink;
    this.#move = move;
  }

  entry(entry: TarEntry): void {
    // Cleaned before it is put below the directory, so that it does not lead out of that.
    const name = cleanPath(entry.name, this.#move.limits);
    this.#skipped = name === "";
    if (this.#skipped) return;
    const linkname =
      entry.type === "hardlink" ? this.#below(cleanPath(entry.linkname, this.#move.limits)) : entry.linkname;
    this.#sink.entry({
      ...entry,
      ...this.#move.owner(entry),
      name: this.#below(name),
      linkname,
      xattrs: this.#move.privileged === "make" ? entry.xattrs : ordinary(entry.xattrs),
    });
  }

  #below(name: string): string {
    return this.#move.directory === "" ? name : `${this.#move.directory}/${name}`;
  }

  data(start: number, end: number, position: number): void {
    if (!this.#skipped) this.#sink.data(start, end, position);
  }

  end(): void {
    if (!this.#skipped) this.#sink.end();
  }
}

function ordinary(xattrs: TarEntry["xattrs"]): TarEntry["xattrs"] {
  const own = [...(xattrs ?? [])].filter(([name]) => name.startsWith("user."));
  return own.length > 0 ? new Map(own) : undefined;
}
