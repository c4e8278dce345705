/** How the files of an archive, and archives, are compressed: as layers are, with errors that name the file. */
import { RuntError } from "../../errors.ts";
import type { Compression } from "../../spec/image/media-types.ts";
import { type Decompressed, decompress, sniff } from "../layer/decompress.ts";
import { withoutOtherCompression } from "./other-compression.ts";

/** What a file is called in messages, and what it is read for. */
export interface FileOrigin {
  readonly name: string;
  readonly operation: string;
}

/** As many bytes as tell. */
export const magicBytes = 10;

/**
 * The compression of a file that begins with `head`.
 * @throws {RuntError} Unimplemented for one that runt cannot read
 */
export function compressionOfBytes(head: Uint8Array, origin: FileOrigin): Compression {
  try {
    return sniff(head);
  } catch (error) {
    throw under(origin, error);
  }
}

/**
 * The bytes that are in a file, which is compressed or not; xz and bzip2 are taken off first, and count as "none". A
 * piece is valid until the next is asked for.
 * @throws {RuntError} Unimplemented; while it is read, InvalidArgument where the data is damaged or cut short
 */
export async function decompressFile(
  source: AsyncIterable<Uint8Array>,
  origin: FileOrigin,
): Promise<Decompressed> {
  try {
    const { compression, bytes } = await decompress(withoutOtherCompression(source, origin));
    return { compression, bytes: told(bytes, origin) };
  } catch (error) {
    // Nobody is going to read the rest, so whatever is open for it is to be closed.
    await (source as Partial<AsyncGenerator>).return?.(undefined);
    throw under(origin, error);
  }
}

async function* told(bytes: AsyncIterable<Uint8Array>, origin: FileOrigin): AsyncGenerator<Uint8Array, void> {
  try {
    yield* bytes;
  } catch (error) {
    throw under(origin, error);
  }
}

/** What the readers of layers say knows nothing of the file; other errors say where they come from. */
export function under({ name, operation }: FileOrigin, error: unknown): unknown {
  if (!(error instanceof RuntError) || error.site.operation !== "unpack") return error;
  const { hint } = error.site;
  const site = { operation, subject: name, ...(hint !== undefined && { hint }) };
  return new RuntError(error.kind, `${name}: ${error.message}`, site, error);
}
