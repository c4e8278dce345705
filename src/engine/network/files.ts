/** Small files that are replaced as a whole, so that whoever reads one sees the old or the new. */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { hasCode } from "../../linux/system-error.ts";

/** Start of the names of files that are being written. */
const unfinished = ".new-";

/** Where a file is written before it takes its place; one for each, so that those of killed processes are no more. */
export function unfinishedPath(path: string): string {
  return join(dirname(path), unfinished + basename(path));
}

/**
 * Nobody else may write the same file meanwhile.
 * @param durability "disk": it is there after a power failure; "memory": it is there after a crash of this process,
 *   which is enough for what a power failure makes untrue
 */
export function replaceFile(path: string, text: string, durability: "disk" | "memory", mode = 0o600): void {
  const temporary = unfinishedPath(path);
  try {
    const fd = openSync(temporary, "w", mode);
    try {
      // Whatever the umask says.
      if (mode !== 0o600) fchmodSync(fd, mode);
      writeSync(fd, text);
      if (durability === "disk") fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (durability === "memory" && hasCode(error, "ENOSPC") && shrink(path, text)) return;
    throw error;
  }
  if (durability === "disk") syncDirectory(dirname(path));
}

/**
 * What becomes less needs no room: so a container can be removed from a disk that is full. Who reads it just then may
 * see lines that are cut off, which all readers leave out.
 * @returns whether it was so
 */
function shrink(path: string, text: string): boolean {
  const bytes = Buffer.from(text);
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) < bytes.length) return false;
  const fd = openSync(path, "r+");
  try {
    writeSync(fd, bytes);
    ftruncateSync(fd, bytes.length);
  } finally {
    closeSync(fd);
  }
  return true;
}

function syncDirectory(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Undefined where there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** A document of ours; undefined where there is none or where a power failure left a part of it. */
export function readJson<T>(path: string): T | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** Names of the files in a directory, without those that a killed process did not finish. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => !name.startsWith(unfinished));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** Removes what killed processes did not finish. To be called with the lock, when nobody writes. */
export function removeUnfinished(directory: string): void {
  try {
    for (const name of readdirSync(directory))
      if (name.startsWith(unfinished)) rmSync(join(directory, name), { force: true });
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}
