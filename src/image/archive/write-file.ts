/** A stream into a file that is there when it is whole, or not at all. */
import { randomUUID } from "node:crypto";
import { open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RuntError, reasonOf } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";

/**
 * Writes `path`, replacing what a former file had there. What is there and is no file, a pipe or a terminal,
 * gets the bytes as they come.
 * @throws {RuntError} Unavailable where the disk says no, InvalidArgument where `path` is a directory
 */
export async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const special = await isSpecial(path);
  const target = special ? path : join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    await using file = await open(target, special ? "w" : "wx");
    for await (const chunk of chunks) await file.writeFile(chunk);
    if (!special) await rename(target, path);
  } catch (error) {
    if (!special) await rm(target, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === undefined || syscall === undefined) throw error;
    throw new RuntError(
      "Unavailable",
      `cannot write ${path}: ${reasonOf(error)}`,
      { operation: "save", path, code },
      error,
    );
  }
}

async function isSpecial(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return !found.isFile();
    throw new RuntError("InvalidArgument", `${path} is a directory`, { operation: "save", path });
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
