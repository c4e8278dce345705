/** An archive of images to be read, whatever it is on the outside. */
import type { Digest } from "../../spec/image/digest.ts";
import type { Compression } from "../../spec/image/media-types.ts";
import type { IngestTarget } from "../content/ingest.ts";

/** A file of the archive that the store has now. */
export interface ArchivedBlob {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** As its first bytes tell. */
  readonly compression: Compression;
}

/** A tar or a directory, in docker's form or as an OCI layout. Paths are relative, with `/`. */
export interface ArchiveSource {
  /** What the user called it. */
  readonly name: string;
  /** A small file, whole; undefined where there is none. */
  document(path: string): Promise<Uint8Array | undefined>;
  /**
   * Sees to it that the store has the file.
   * @param expected what it must be; without it, it is what it is
   * @returns undefined where there is no such file
   * @throws {RuntError} FailedPrecondition where it is not what was expected
   */
  blob(path: string, expected?: IngestTarget): Promise<ArchivedBlob | undefined>;
}

/** Of one document. */
export const documentBytes = 8 << 20;
