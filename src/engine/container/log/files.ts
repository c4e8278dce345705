/**
 * The files of a container's log, which its monitor renames as they fill: `log` is the newest, `log.1` the one before.
 * @see native-shims/monitor_log.c
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { hasCode } from "../../../linux/system-error.ts";

/** One file of a log, open: whatever it is called by now. */
export class LogFile implements Disposable {
  readonly inode: bigint;
  readonly #fd: number;

  private constructor(fd: number, inode: bigint) {
    this.#fd = fd;
    this.inode = inode;
  }

  /** Undefined where there is no such file. */
  static open(path: string): LogFile | undefined {
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch (error) {
      if (hasCode(error, "ENOENT")) return undefined;
      throw error;
    }
    return new LogFile(fd, fstatSync(fd, { bigint: true }).ino);
  }

  get size(): number {
    return fstatSync(this.#fd).size;
  }

  /** Up to `length` bytes from `at`; fewer at the end. */
  read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let have = 0;
    while (have < length) {
      const n = readSync(this.#fd, bytes, have, length - have, at + have);
      if (n === 0) break;
      have += n;
    }
    return bytes.subarray(0, have);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** More than anybody keeps; a hole in the numbers is where a log was made smaller. */
const mostFiles = 10_000;

/**
 * All files of the log at `path`, oldest first; the caller's to close. Opened from the newest on: one that is renamed
 * meanwhile is met a second time, and none is missed.
 */
export function openLogFiles(path: string): LogFile[] {
  const files: LogFile[] = [];
  const seen = new Set<bigint>();
  for (let n = 0; n < mostFiles; n++) {
    const file = LogFile.open(n === 0 ? path : `${path}.${n}`);
    // Between two renames there is no newest one.
    if (!file && n > 0) break;
    if (!file) continue;
    if (seen.has(file.inode)) {
      file[Symbol.dispose]();
      continue;
    }
    seen.add(file.inode);
    files.unshift(file);
  }
  return files;
}

/** Inode of what is at `path` now. */
export function inodeAt(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
