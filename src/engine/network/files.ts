/** Small files that are replaced as a whole, so that whoever reads one sees the old or the new. */
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { hasCode } from "../../linux/system-error.ts";

/** Start of the names of files that are being written. */
const unfinished = ".new-";

/**
 * @param durability "disk": it is there after a power failure; "memory": it is there after a crash of this process,
 *   which is enough for what a power failure makes untrue
 */
export function replaceFile(path: string, text: string, durability: "disk" | "memory", mode = 0o600): void {
  const directory = dirname(path);
  const temporary = join(directory, `${unfinished}${basename(path)}-${process.pid}`);
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
    throw error;
  }
  if (durability === "disk") syncDirectory(directory);
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
