/** Files of the host for `cp`, in the form that a container's have: found by a path, read and written as archives. */
import { constants, lstatSync, openSync, realpathSync, type Stats } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { RuntError } from "../../errors.ts";
import { extractArchive } from "../../image/layer/extract.ts";
import { packPath } from "../../image/layer/pack.ts";
import { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { CopyInOptions, CopyOutOptions, FileStat, FoundFile } from "../container/copy.ts";
import type { CopyEnd } from "./copy.ts";

export class LocalFiles implements CopyEnd {
  /** @throws {RuntError} NotFound where its directory is not there */
  find(path: string, last: "follow" | "nofollow"): FoundFile {
    // A slash at the end, and "..", are the kernel's to follow.
    const follows = last === "follow" || /(^|\/)(\.\.?)?$/.test(path);
    try {
      const whole = follows ? realpathOf(path) : join(realpathOf(dirname(path)), basename(path));
      return foundAt(whole);
    } catch (error) {
      if (!hasCode(error, "ENOENT", "ENOTDIR")) throw error;
      const what = hasCode(error, "ENOTDIR") ? "not a directory" : "no such file or directory";
      throw new RuntError("NotFound", `${path}: ${what}`, { operation: "cp", path, code: "ENOENT" }, error);
    }
  }

  directoryOf({ path }: FoundFile): FoundFile {
    return foundAt(dirname(path));
  }

  async *read(found: FoundFile, options: CopyOutOptions): AsyncGenerator<Uint8Array, void> {
    const { name = found.name, onWarning, signal } = options;
    const isRoot = found.path === "/";
    using root = directory(isRoot ? "/" : dirname(found.path));
    yield* packPath(root, found.name, name, {
      source: "tree",
      operation: "cp",
      ...(onWarning && { onWarning }),
      ...(signal && { signal }),
    });
  }

  async write(found: FoundFile, archive: AsyncIterable<Uint8Array>, options: CopyInOptions): Promise<void> {
    using root = directory(found.path);
    const own = { uid: process.geteuid!(), gid: process.getegid!() };
    const isRoot = own.uid === 0;
    await extractArchive(archive, {
      root,
      directory: "",
      owner: (entry) => (options.owner === "archive" && isRoot ? entry : own),
      privileged: isRoot ? "make" : "skip",
      ...(options.onWarning && { warn: options.onWarning }),
      signal: options.signal,
    });
  }
}

/** @param path without links on the way */
function foundAt(path: string): FoundFile {
  return {
    path,
    name: Buffer.from(basename(path)).toString("latin1"),
    stat: statOf(lstatSync(path, { throwIfNoEntry: false })),
  };
}

/** Where links lead, also one that leads nowhere: there the file would be. */
function realpathOf(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(path === "" ? "." : path);
  } catch (error) {
    if (!hasCode(error, "ENOENT") || whole === "/") throw error;
    const parent = realpathSync(dirname(whole));
    return join(parent, basename(whole));
  }
}

function directory(path: string): Fd {
  return new Fd(openSync(path, constants.O_DIRECTORY | O_PATH));
}

function statOf(stats: Stats | undefined): FileStat | undefined {
  if (!stats) return undefined;
  return {
    type: stats.isFile()
      ? "file"
      : stats.isDirectory()
        ? "directory"
        : stats.isSymbolicLink()
          ? "link"
          : "other",
    size: stats.size,
    mode: stats.mode & 0o7777,
    mtimeMs: stats.mtimeMs,
    linkTarget: undefined,
  };
}
