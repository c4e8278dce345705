/** Where an archive comes from. */
import { createReadStream } from "node:fs";
import { RuntError, reasonOf } from "../../errors.ts";

/** Bytes with a name for messages: those of standard input, for one. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A path, or bytes. */
export type ArchiveInput = string | NamedBytes;

/**
 * The bytes of an archive.
 * @throws {RuntError} while they are read: NotFound, PermissionDenied, Unavailable
 */
export function openInput(input: ArchiveInput, operation: string, signal?: AbortSignal): NamedBytes {
  return typeof input === "string" ? { name: input, bytes: fileBytes(input, operation, signal) } : input;
}

async function* fileBytes(
  path: string,
  operation: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 1 << 18, signal }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw inputError(error, path, operation);
  }
}

/** What the system says to a file of the user's. */
export function inputError(error: unknown, path: string, operation: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const kind =
    code === "ENOENT" || code === "ENOTDIR"
      ? "NotFound"
      : code === "EACCES" || code === "EPERM"
        ? "PermissionDenied"
        : "Unavailable";
  return new RuntError(
    kind,
    `cannot read ${path}: ${reasonOf(error)}`,
    { operation, path, syscall, code },
    error,
  );
}
