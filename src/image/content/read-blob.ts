/** Reads a small blob, a manifest or a config, whole. */
import { readFile, stat } from "node:fs/promises";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import { type Digest, digestOf } from "../../spec/image/digest.ts";
import { algorithmOf } from "../../spec/image/digest-parts.ts";
import type { ContentDirectory } from "./directory.ts";
import { corruptBlob, diskError, noBlob, operation } from "./store-error.ts";

/** What a manifest, an index or a config may have; registries stop at half of it. */
export const documentLimitBytes = 8 << 20;

/**
 * Reads a blob and verifies it.
 * @throws {RuntError} NotFound; InvalidArgument where it has more than `limitBytes`; Internal where the disk
 *   gives other bytes than were stored
 */
export async function readBlob(
  directory: ContentDirectory,
  digest: Digest,
  limitBytes: number = documentLimitBytes,
): Promise<Uint8Array> {
  const path = directory.blob(digest);
  try {
    const { size } = await stat(path);
    if (size > limitBytes) {
      throw new RuntError("InvalidArgument", `blob ${digest} has ${size} bytes, more than ${limitBytes}`, {
        operation,
        subject: `blob ${digest}`,
      });
    }
    const bytes = await readFile(path);
    const actual = digestOf(bytes, algorithmOf(digest));
    if (actual !== digest) throw corruptBlob(digest, `its digest is ${actual}`);
    return bytes;
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw noBlob(digest);
    throw diskError(error, "cannot read the blob", digest);
  }
}
