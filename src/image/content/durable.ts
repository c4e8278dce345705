/**
 * Changes of files that a crash, of the process or of the machine, shows either wholly or not at all: data is
 * on disk before the rename that makes it visible, and the rename before whoever asked for it goes on.
 */
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Waits until the names in a directory are on disk as they are now. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}

/**
 * Replaces a small file. Whoever reads it sees the old or the new one. Only one process may do so at a time:
 * the name that the new one is written under is always the same, so that a dead process leaves one at most.
 */
export async function replaceFile(path: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    {
      await using file = await open(temporary, "w", 0o644);
      await file.writeFile(bytes);
      await file.sync();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}
