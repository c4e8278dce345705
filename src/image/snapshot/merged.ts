/**
 * What a container sees of a stack of layers, looked up without mounting it, which an ordinary user could not do.
 * Links are followed as in the container: none of them leads out.
 * @see Documentation/filesystems/overlayfs.rst#whiteouts-and-opaque-directories
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";
import { getXattr } from "../../linux/xattr.ts";

/** A file of the merged view. A directory is one in every layer that has a part of it, top to bottom. */
export type MergedFile =
  | { readonly stat: Stats; readonly parts: readonly string[] }
  | { readonly stat: Stats; readonly path: string };

/** As the kernel. */
const mostLinks = 40;

export class MergedView {
  readonly #root: readonly string[];

  /** @param lowers directories, top to bottom */
  constructor(lowers: readonly string[]) {
    this.#root = lowers;
  }

  /** What is at `path` itself, a link too; links on the way are followed. */
  lstat(path: string): Stats | undefined {
    return this.#resolve(path, "nofollow")?.stat;
  }

  /** Where the layers have what is at `path`, links followed. */
  find(path: string): MergedFile | undefined {
    return this.#resolve(path, "follow");
  }

  /**
   * The text of a regular file.
   * @returns undefined where there is none, or one of more than `limitBytes`
   */
  readText(path: string, limitBytes: number): string | undefined {
    const found = this.#resolve(path, "follow");
    if (!found || !("path" in found) || !found.stat.isFile()) return undefined;
    const fd = openSync(found.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      return stat.isFile() && stat.size <= limitBytes ? readFileSync(fd, "utf8") : undefined;
    } finally {
      closeSync(fd);
    }
  }

  #resolve(path: string, last: "follow" | "nofollow"): MergedFile | undefined {
    const root = this.#directory(this.#root);
    if (!root) return undefined;
    const todo = path.split("/");
    const way: MergedFile[] = [root];
    for (let links = 0; todo.length > 0; ) {
      const name = todo.shift()!;
      const here = way.at(-1)!;
      if (!("parts" in here)) return undefined; // what is no directory has nothing in it
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (way.length > 1) way.pop();
        continue;
      }
      const found = lookUp(here.parts, name);
      if (!found) return undefined;
      if (!("path" in found) || !found.stat.isSymbolicLink() || (last === "nofollow" && todo.length === 0)) {
        way.push(found);
        continue;
      }
      if (++links > mostLinks) return undefined;
      const target = readlinkSync(found.path);
      if (target.startsWith("/")) way.length = 1;
      todo.unshift(...target.split("/"));
    }
    return way.at(-1);
  }

  #directory(parts: readonly string[]): MergedFile | undefined {
    const stat = parts[0] === undefined ? undefined : lstatSync(parts[0]);
    return stat && { stat, parts };
  }
}

/** One name in a merged directory. */
export function lookUp(directory: readonly string[], name: string): MergedFile | undefined {
  const parts: string[] = [];
  let stat: Stats | undefined;
  for (const [i, part] of directory.entries()) {
    const path = join(part, name);
    const own = lstatSync(path, { throwIfNoEntry: false });
    if (!own) continue;
    if (isWhiteout(own)) break;
    if (!own.isDirectory()) {
      if (!stat) return { stat: own, path };
      break;
    }
    stat ??= own;
    parts.push(path);
    // There is nothing below the lowest to be hidden.
    if (i < directory.length - 1 && isOpaque(path)) break;
  }
  return stat && { stat, parts };
}

/** Says that what the layers below have by this name is not there. */
export function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

/** Says that what the layers below have in this directory is not there. */
export function isOpaque(directory: string): boolean {
  const place = Buffer.from(directory);
  return opaqueMarks.some((name) => getXattr(place, name)?.toString("latin1") === "y");
}

const opaqueMarks = ["trusted.overlay.opaque", "user.overlay.opaque"];
