/** Whether the store has a blob, when someone says how long it should be. */
import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { algorithmOf, hexOf } from "../../spec/image/digest-parts.ts";
import type { ContentDirectory } from "./directory.ts";
import { digestOfContents } from "./hash-file.ts";
import { operation } from "./store-error.ts";

/**
 * Every blob was verified when it came, so normally this is one stat(2). Where the size is not the expected
 * one, either the file has been damaged since: it is taken away, to be fetched again; or the descriptor lies.
 * @throws {RuntError} InvalidArgument for a descriptor that lies
 */
export async function isPresent(
  directory: ContentDirectory,
  digest: Digest,
  expectedSize: number | undefined,
  signal?: AbortSignal,
): Promise<boolean> {
  const path = directory.blob(digest);
  try {
    const { size } = await stat(path);
    if (expectedSize === undefined || size === expectedSize) return true;
    const actual = await digestOfContents(path, digest, signal);
    if (actual.digest === digest) {
      throw new RuntError("InvalidArgument", `blob ${digest} has ${size} bytes, not ${expectedSize}`, {
        operation,
        subject: `blob ${digest}`,
      });
    }
    await takeAway(directory, digest, signal);
    return false;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

/**
 * Removes a damaged blob, if it still is damaged once nobody else can change the store.
 * @returns whether it is gone
 */
export async function takeAway(
  directory: ContentDirectory,
  digest: Digest,
  signal?: AbortSignal,
): Promise<boolean> {
  using _lock = await directory.lock(signal);
  const path = directory.blob(digest);
  try {
    if ((await digestOfContents(path, digest, signal)).digest === digest) return false;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return true;
    // Bytes that the disk does not give back are worth nothing.
    if (!hasCode(error, "EIO")) throw error;
  }
  await rename(path, trashPath(directory, digest));
  return true;
}

/** Where a blob goes that is to be deleted; what has the name there is overwritten. */
export function trashPath(directory: ContentDirectory, digest: Digest): string {
  return join(directory.trash, `${algorithmOf(digest)}-${hexOf(digest)}`);
}
