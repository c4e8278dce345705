/** A tar as a sequence of entries and their bytes, for who has to wait between them. */
import type { EntrySink, TarEntry } from "../layer/entry.ts";
import { defaultLimits } from "../layer/limits.ts";
import { TarReader } from "../layer/tar-reader.ts";
import { type FileOrigin, under } from "./compression.ts";

/** `entry`, then its `data`, then its `end`; data is valid until the next event is asked for. */
export type TarEvent =
  | { readonly type: "entry"; readonly entry: TarEntry; readonly path: string; readonly link: string }
  | { readonly type: "data"; readonly bytes: Uint8Array }
  | { readonly type: "end" };

/** What an archive of images stays far below. */
const limits = { ...defaultLimits, entries: 100_000, bytes: Number.MAX_SAFE_INTEGER };

/**
 * Reads a tar.
 * @throws {RuntError} InvalidArgument where it is damaged or cut short; what `source` throws
 */
export async function* tarEvents(
  source: AsyncIterable<Uint8Array>,
  origin: FileOrigin,
): AsyncGenerator<TarEvent> {
  let events: TarEvent[] = [];
  let chunk: Buffer = Buffer.alloc(0);
  const sink: EntrySink = {
    entry: (entry) =>
      events.push({ type: "entry", entry, path: textOf(entry.name), link: textOf(entry.linkname) }),
    data: (start, end) => events.push({ type: "data", bytes: chunk.subarray(start, end) }),
    end: () => events.push({ type: "end" }),
  };
  const reader = new TarReader(sink, limits);
  for await (const bytes of source) {
    chunk = asBuffer(bytes);
    reading(origin, () => reader.write(chunk));
    yield* events;
    events = [];
  }
  reading(origin, () => reader.finish());
}

/**
 * Gives the bytes on as they come, once they have been read as a tar.
 * @throws {RuntError} InvalidArgument where they are none
 */
export async function* checkedTar(
  source: AsyncIterable<Uint8Array>,
  origin: FileOrigin,
): AsyncGenerator<Uint8Array> {
  const reader = new TarReader({ entry() {}, data() {}, end() {} }, defaultLimits);
  for await (const bytes of source) {
    reading(origin, () => reader.write(asBuffer(bytes)));
    yield bytes;
  }
  reading(origin, () => reader.finish());
}

function reading(origin: FileOrigin, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw under(origin, error);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The reader gives byte strings. */
function textOf(name: string): string {
  return Buffer.from(name, "latin1").toString("utf8");
}
