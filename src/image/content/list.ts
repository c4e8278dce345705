/** All blobs that the store has. */
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../../linux/system-error.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { type ContentDirectory, digestOfFile } from "./directory.ts";

/** A blob of the store. `size` in bytes. */
export interface Blob {
  readonly digest: Digest;
  readonly size: number;
}

/** Every blob; files that are none are passed over, as are blobs that go while we look. */
export async function* listBlobs(directory: ContentDirectory): AsyncGenerator<Blob> {
  for (const { name: algorithm, parentPath } of await directoriesIn(directory.blobs)) {
    for (const name of await readdir(join(parentPath, algorithm))) {
      const digest = digestOfFile(algorithm, name);
      if (digest === undefined) continue;
      try {
        yield { digest, size: (await stat(directory.blob(digest))).size };
      } catch (error) {
        if (!hasCode(error, "ENOENT")) throw error;
      }
    }
  }
}

async function directoriesIn(path: string): Promise<Dirent[]> {
  return (await readdir(path, { withFileTypes: true })).filter((entry) => entry.isDirectory());
}
