/**
 * The directory that a layer is written into, looked at by paths below it. No path here ever follows a symbolic link:
 * `resolve` makes one without links of any other, below the root whatever the links say, and what is opened is opened
 * with RESOLVE_NO_SYMLINKS.
 */
import { type BigIntStats, constants, fchmodSync, fchownSync } from "node:fs";
import {
  AT_REMOVEDIR,
  lstatAt,
  mkdirat,
  namesIn,
  openAt,
  openHow,
  readlinkAt,
  unlinkat,
} from "../../linux/at.ts";
import type { Fd } from "../../linux/fd.ts";
import { O_PATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS } from "../../linux/openat2.ts";
import { hasCode } from "../../linux/system-error.ts";
import { checkLimits, splitPath } from "./entry-name.ts";
import type { LayerLimits } from "./limits.ts";
import { malformed } from "./malformed.ts";

const { O_DIRECTORY, O_RDONLY, O_NOFOLLOW } = constants;

export const resolveFlags = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
/** To look for names in a directory; `howToRead` also to change it by its fd. */
export const howToSearch = openHow(O_PATH | O_DIRECTORY, resolveFlags);
export const howToRead = openHow(O_RDONLY | O_DIRECTORY | O_NOFOLLOW, resolveFlags);

/** As many as the kernel follows. */
const maxLinks = 40;

export class LayerTree {
  /** Stays the caller's. */
  readonly root: Fd;
  readonly #limits: LayerLimits;

  constructor(root: Fd, limits: LayerLimits) {
    this.root = root;
    this.#limits = limits;
  }

  /** Opens a directory; the caller owns the fd. @throws {SystemError} ENOENT, ENOTDIR; ELOOP at a link */
  open(path: string, how: Uint8Array = howToSearch): Fd {
    return openAt(this.root, path === "" ? "." : path, how);
  }

  /** Runs `work` with the directory of `path` and the name in it. @throws {SystemError} as `open` */
  at<T>(path: string, work: (dir: Fd, name: string) => T): T {
    const { parent, base } = splitPath(path);
    using dir = this.open(parent);
    return work(dir, base);
  }

  /** lstat; undefined where there is nothing, or no directory on the way. */
  stat(path: string): BigIntStats | undefined {
    try {
      return this.at(path, lstatAt);
    } catch (error) {
      if (hasCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
      throw error;
    }
  }

  /**
   * The same directory without a symbolic link on the way, made where it is missing.
   * @param made is told of each directory that is made
   * @param blocked is asked where something else is in the way; true means it is gone
   * @param name of the entry that wants it, for messages
   * @throws {RuntError} InvalidArgument where something else stays in the way
   */
  makeDirectories(
    path: string,
    name: string,
    { made, blocked }: { made(path: string): void; blocked(path: string, stats: BigIntStats): boolean },
  ): string {
    return this.#resolve(path, name, (step, stats) => {
      if (stats && !blocked(step, stats)) throw malformed("its parent is not a directory", name);
      this.at(step, (dir, base) => {
        mkdirat(dir, base, 0o700);
        // Neither the umask nor a parent with the set-group-ID bit has a say. By its fd, which no link can be put in
        // the place of.
        using itself = openAt(dir, base, howToRead);
        fchownSync(itself.n, process.geteuid!(), process.getegid!());
        fchmodSync(itself.n, 0o755);
      });
      made(step);
      return true;
    })!;
  }

  /** The same; undefined where it does not exist or is no directory. */
  resolve(path: string, name: string): string | undefined {
    return this.#resolve(path, name, () => false);
  }

  #resolve(
    path: string,
    name: string,
    missing: (path: string, stats: BigIntStats | undefined) => boolean,
  ): string | undefined {
    let resolved: string[] = [];
    const pending = path.split("/").reverse();
    for (let links = 0; pending.length > 0; ) {
      const component = pending.pop()!;
      if (component === "" || component === ".") continue;
      if (component === "..") {
        resolved.pop();
        continue;
      }
      const step = [...resolved, component].join("/");
      checkLimits(step, name, this.#limits);
      const stats = this.stat(step);
      if (stats?.isSymbolicLink()) {
        if (++links > maxLinks) throw malformed("too many levels of symbolic links", name);
        const target = this.at(step, readlinkAt);
        if (target.startsWith("/")) resolved = [];
        pending.push(...target.split("/").reverse());
      } else {
        if (!stats?.isDirectory() && !missing(step, stats)) return undefined;
        resolved.push(component);
      }
    }
    return resolved.join("/");
  }

  /** Paths of what is in a directory. */
  children(path: string): string[] {
    using dir = this.open(path, howToRead);
    return namesIn(dir).map((name) => (path === "" ? name : `${path}/${name}`));
  }

  /**
   * Removes what is at `path`, if anything is, with all that is in it, except what `keep` wants. A directory that keeps
   * something stays if `keep` wants it too.
   * @param removed is told of each path that is gone
   */
  remove(
    path: string,
    {
      keep = () => false,
      removed = () => {},
    }: { keep?: (path: string) => boolean; removed?: (path: string) => void } = {},
  ): void {
    // Children are found by path each time: no more than two fds, however deep it goes.
    const pending = [{ path, visited: false }];
    while (pending.length > 0) {
      const { path: step, visited } = pending.pop()!;
      const stats = visited ? undefined : this.stat(step);
      if (!visited && !stats) continue;
      if (stats?.isDirectory()) {
        pending.push({ path: step, visited: true });
        for (const child of this.children(step)) pending.push({ path: child, visited: false });
        continue;
      }
      if (keep(step)) continue;
      this.at(step, (dir, base) => unlinkat(dir, base, visited ? AT_REMOVEDIR : 0));
      removed(step);
    }
  }
}
