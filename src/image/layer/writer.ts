/**
 * Writes entries into a directory. What an entry takes is written down as system calls, and those of many entries are
 * made together (linux/batch.ts). They are the calls for the usual case: the directory is there, nothing has the name
 * yet. Where the kernel says otherwise the batch stops, `#recover` sees to it, and it goes on.
 *
 * Order: create, owner, attributes, mode, times. A change of owner takes set-user-ID bits and capabilities away, so both
 * come after it; times of directories come last of all, since every file in them changes those.
 */
import { type BigIntStats, chmodSync, constants, writeSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { openAt, openHow, pathAt, readable } from "../../linux/at.ts";
import type { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { errnoText, SystemError } from "../../linux/system-error.ts";
import { listXattrs, removeXattr, setXattr } from "../../linux/xattr.ts";
import { type Action, newAction, type Step, syscallOf } from "./action.ts";
import { type DeferredLink, DeferredLinks } from "./deferred-links.ts";
import type { EntrySink, TarEntry } from "./entry.ts";
import { EntryCalls, type EntryTimes } from "./entry-calls.ts";
import { checkLimits, cleanPath, meaningOf, type NameMeaning, splitPath } from "./entry-name.ts";
import type { LayerLimits } from "./limits.ts";
import { entryText, malformed } from "./malformed.ts";
import { FlatTarget, type LayerTarget, OverlayTarget } from "./target.ts";
import { howToRead, LayerTree, resolveFlags } from "./tree.ts";
import { writeFailure } from "./write-failure.ts";

/** A name itself, whatever it is. */
const howToName = openHow(O_PATH | constants.O_NOFOLLOW, resolveFlags);

export interface WriterOptions {
  readonly target: "overlay" | "flat";
  readonly userXattr: boolean;
  readonly limits: LayerLimits;
  /** Devices cannot be made in a user namespace: they are left out there. */
  readonly devices: "make" | "skip";
  readonly warn: (text: string) => void;
  /**
   * "layer" by default. "files": names that begin with `.wh.` are names like others; nothing takes the place of a
   * directory, nor a directory that of something else; and a directory that is there keeps its own attributes beside
   * those of the archive.
   */
  readonly meaning?: "layer" | "files";
}

const SIGNED_EEXIST = -17;
const SIGNED_ENOENT = -2;
const SIGNED_ENOTDIR = -20;
const SIGNED_ELOOP = -40;
const SIGNED_EPERM = -1;
const SIGNED_EOPNOTSUPP = -95;

export class LayerWriter implements EntrySink, Disposable {
  readonly #tree: LayerTree;
  readonly #options: WriterOptions;
  readonly #target: LayerTarget;
  readonly #calls: EntryCalls;
  #chunk: Buffer = Buffer.alloc(1);
  /** The file whose data come. */
  #current: Action | undefined;
  readonly #directoryTimes = new Map<string, EntryTimes>();
  readonly #implicit = new Set<string>();
  readonly #links = new DeferredLinks();

  /** @param root stays the caller's */
  constructor(root: Fd, options: WriterOptions) {
    this.#options = options;
    this.#tree = new LayerTree(root, options.limits);
    const context = {
      tree: this.#tree,
      makeDirectory: (path: string, entry: TarEntry) => this.#makeDirectory(path, entry),
      remove: (path: string, keep: (path: string) => boolean) => this.#remove(path, keep),
    };
    this.#target =
      options.target === "overlay" ? new OverlayTarget(context, options) : new FlatTarget(context);
    this.#calls = new EntryCalls(root, {
      limits: options.limits,
      mayHave: (entry, attribute) => this.#mayHave(entry, attribute),
      opaqueAttribute: this.#target.opaqueAttribute,
    });
  }

  get #isFiles(): boolean {
    return this.#options.meaning === "files";
  }

  /** What `data` offsets are offsets into, until the next `flush`. */
  set chunk(chunk: Buffer) {
    this.#chunk = chunk;
  }

  /** Directories that no entry describes, whose attributes are those of the layers below. */
  get implicitParents(): string[] {
    return [...this.#implicit];
  }

  get deferredLinks(): DeferredLink[] {
    return this.#links.all();
  }

  get whiteouts(): string[] {
    return [...this.#target.whiteouts];
  }

  get rootIsOpaque(): boolean {
    return this.#target.rootIsOpaque;
  }

  entry(entry: TarEntry): void {
    this.#current = undefined;
    this.#guard(entry, () => this.#entry(entry));
  }

  /** What is done step by step throws errors of the system: they are given the entry's name here. */
  #guard<T>(entry: TarEntry, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof RuntError || !(error instanceof Error)) throw error;
      const { syscall, path, errno } = error as NodeJS.ErrnoException;
      if (errno === undefined || syscall === undefined) throw error;
      throw writeFailure(-errno, { syscall, path: path ?? entry.name, subject: entryText(entry.name) });
    }
  }

  #entry(entry: TarEntry): void {
    const meaning = this.#isFiles
      ? fileOf(entry.name, this.#options.limits)
      : meaningOf(entry.name, this.#options.limits);
    if (meaning.kind === "ignored") return;
    if (meaning.kind !== "path") {
      this.flush();
      this.#target[meaning.kind](meaning.path, entry);
      return;
    }
    const { path } = meaning;
    if (entry.type === "character" || entry.type === "block") {
      if (this.#options.devices === "skip") {
        this.#options.warn(`${entryText(entry.name)} is a device, which a user namespace cannot make`);
        return;
      }
      if (this.#options.target === "overlay" && isZeroDevice(entry)) {
        // The kernel takes it for a whiteout, so that is what it is.
        this.flush();
        this.#target.whiteout(path, entry);
        return;
      }
    }
    const target = entry.type === "hardlink" ? this.#linkTarget(entry) : "";
    const action = newAction("begin", entry, path, target);
    this.#add(action);
    if (entry.type === "file") this.#current = action;
    else if (isSpecial(entry)) this.#finishByName(action);
  }

  data(start: number, end: number, position: number): void {
    if (!this.#current) return;
    const { entry, path } = this.#current;
    const action = newAction("data", entry, path);
    action.start = start;
    action.end = end;
    action.position = position;
    this.#add(action);
  }

  end(): void {
    if (!this.#current) return;
    const { entry, path } = this.#current;
    this.#add(newAction("end", entry, path));
    this.#current = undefined;
  }

  #linkTarget(entry: TarEntry): string {
    const target = cleanPath(entry.linkname, this.#options.limits);
    if (target === "") throw malformed("is a hard link to the layer's root", entry.name);
    if (this.#target.whiteouts.size > 0) {
      this.flush();
      const stats = this.#tree.stat(target);
      if (stats && this.#target.isWhiteout(stats))
        throw malformed("is a hard link to a whiteout", entry.name);
    }
    return target;
  }

  /** Makes all calls that are written down. @throws {RuntError} */
  flush(): void {
    if (this.#calls.actions.length > 0) this.#run();
  }

  /** After the last entry: the times of directories. @throws {RuntError} */
  finish(): void {
    this.flush();
    const calls = this.#calls;
    const run = () => {
      if (calls.run(0, this.#chunk) < calls.count)
        throw writeFailure(-calls.error, {
          syscall: "utimensat",
          path: ".",
          subject: "times of directories",
        });
      calls.forget();
    };
    for (const [path, times] of this.#directoryTimes) {
      if (calls.addTimes(path, times)) continue;
      run();
      calls.addTimes(path, times);
    }
    run();
    calls.dropDirectories();
  }

  [Symbol.dispose](): void {
    this.#calls[Symbol.dispose]();
  }

  #add(action: Action): void {
    if (this.#calls.isFullFor(action)) this.#run();
    this.#calls.add(action);
  }

  #mayHave(entry: TarEntry, name: string): boolean {
    if (!this.#target.isForbidden(name)) return true;
    this.#options.warn(`${entryText(entry.name)}: the attribute ${readable(name)} is not for a layer to set`);
    return false;
  }

  /**
   * Attributes and mode of what has no fd to set them by: a link, a device, a fifo. It is held by an fd that can do
   * nothing but name it, since somebody may have put a link in its place, as can be where a container runs.
   */
  #finishByName(action: Action): void {
    this.flush();
    const { entry } = action;
    this.#tree.at(action.resolved, (dir, base) => {
      for (const [name, value] of entry.xattrs ?? []) {
        if (!this.#mayHave(entry, name)) continue;
        try {
          setXattr(pathAt(dir, base), name, value);
        } catch (error) {
          if (!(error instanceof SystemError) || !this.#isTolerable(error.errno, name, entry))
            throw this.#failure(action, "xattr", error instanceof SystemError ? error.errno : -5, name);
        }
      }
      if (entry.type === "symlink") return;
      using itself = openAt(dir, base, howToName);
      chmodSync(`/proc/self/fd/${itself.n}`, entry.mode);
    });
    this.#add(newAction("times", entry, action.path));
  }

  #run(): void {
    const calls = this.#calls;
    let from = 0;
    let completed = 0;
    while (from < calls.count) {
      const stop = calls.run(from, this.#chunk);
      if (stop === calls.count) break;
      const { actions } = calls;
      let k = actions.length - 1;
      while (actions[k]!.first > stop) k--;
      // First: what is done about this one may undo some of them.
      while (completed < k) this.#completed(actions[completed++]!);
      const action = actions[k]!;
      const verdict = this.#guard(action.entry, () => this.#recover(action, stop));
      if (verdict === "next") from = stop + 1;
      else {
        const rest = actions.slice(verdict === "again" ? k : k + 1);
        calls.forget();
        // Which directories are open is not what it was when these were written down.
        calls.dropDirectories();
        for (const again of rest) this.#add(again);
        from = completed = 0;
      }
    }
    while (completed < calls.actions.length) this.#completed(calls.actions[completed++]!);
    calls.forget();
  }

  #completed({ kind, entry, resolved }: Action): void {
    if (kind !== "begin") return;
    if (entry.type === "directory") {
      const { atimeS, atimeNs, mtimeS, mtimeNs } = entry;
      this.#directoryTimes.set(resolved, { atimeS, atimeNs, mtimeS, mtimeNs });
      this.#implicit.delete(resolved);
    }
    this.#links.forget(resolved);
    this.#target.written(resolved);
  }

  /**
   * What to do about a call that failed: leave it out ("next"), the whole action ("skip"), or write the action and what
   * follows it down anew, since what was in the way is gone.
   * @throws {RuntError} where it is the archive's fault, or the disk's
   */
  #recover(action: Action, stop: number): "next" | "skip" | "again" {
    const { step, attribute } = this.#calls.stepAt(stop);
    const { error } = this.#calls;
    const { entry } = action;
    if (++action.tries > 1000) throw this.#failure(action, step, error);
    const isMissing = error === SIGNED_ENOENT || error === SIGNED_ENOTDIR || error === SIGNED_ELOOP;
    switch (step) {
      case "parent":
        if (!isMissing) break;
        this.#makeParent(action);
        return "again";
      case "target":
        if (!isMissing) break;
        return this.#findTarget(action);
      case "create":
        if (error === SIGNED_EEXIST) return this.#replace(action);
        if (entry.type === "hardlink" && error === SIGNED_ENOENT) return this.#defer(action);
        if (entry.type === "hardlink" && this.#tree.stat(this.#resolvedTarget(action))?.isDirectory())
          throw malformed("is a hard link to a directory", entry.name);
        break;
      case "xattr":
        if (this.#isTolerable(error, attribute!, entry)) return "next";
        break;
      case "write":
        if (error < 0) break;
        this.#writeRest(action, error);
        return "next";
    }
    throw this.#failure(action, step, error, attribute);
  }

  #isTolerable(error: number, name: string, entry: TarEntry): boolean {
    const isOrdinary = entry.type === "file" || entry.type === "directory";
    const tolerable =
      error === SIGNED_EOPNOTSUPP || (error === SIGNED_EPERM && name.startsWith("user.") && !isOrdinary);
    if (tolerable)
      this.#options.warn(`${entryText(entry.name)}: the attribute ${readable(name)}: ${errnoText(-error)}`);
    return tolerable;
  }

  /** A disk that is almost full takes a part first. */
  #writeRest(action: Action, written: number): void {
    const fd = this.#calls.file;
    try {
      for (let done = written; action.start + done < action.end; )
        done += writeSync(
          fd,
          this.#chunk,
          action.start + done,
          action.end - action.start - done,
          action.position + done,
        );
    } catch (error) {
      throw this.#failure(action, "write", (error as SystemError).errno ?? -5);
    }
  }

  #makeParent(action: Action): void {
    const { parent } = splitPath(action.path);
    const resolved = this.#makeDirectory(parent, action.entry);
    if (resolved !== parent) this.#calls.canonical.set(parent, resolved);
    const path = resolved === "" ? splitPath(action.path).base : `${resolved}/${splitPath(action.path).base}`;
    checkLimits(path, action.entry.name, this.#options.limits);
  }

  /** Also forgets which directories are open if it has to remove something. */
  #makeDirectory(path: string, entry: TarEntry): string {
    const afterWhiteout = new Set<string>();
    return this.#tree.makeDirectories(path, entry.name, {
      blocked: (step, stats) => {
        if (!this.#target.isWhiteout(stats)) return false;
        this.#remove(step);
        afterWhiteout.add(step);
        return true;
      },
      made: (step) => {
        this.#target.written(step);
        if (!afterWhiteout.has(step)) this.#implicit.add(step);
        else {
          using dir = this.#tree.open(step, howToRead);
          setXattr(dir, this.#target.opaqueAttribute!, Buffer.from("y"));
        }
      },
    });
  }

  /** Something has the name already. */
  #replace(action: Action): "next" | "skip" | "again" {
    const { entry, resolved } = action;
    const stats = this.#tree.stat(resolved);
    if (!stats) return "again";
    if (this.#isFiles) checkKind(entry, stats, resolved);
    if (entry.type === "directory") {
      if (stats.isDirectory()) {
        if (!this.#isFiles) this.#clearXattrs(resolved, entry);
        return "next";
      }
      // In this layer it hides a directory below; the new one must go on doing so.
      action.opaque = true;
    }
    if (entry.type === "hardlink" && this.#isLinkTo(action, stats)) return "skip";
    this.#remove(resolved);
    return "again";
  }

  /** Attributes are replaced: what the entry does not have the directory has no more. */
  #clearXattrs(path: string, entry: TarEntry): void {
    using dir = this.#tree.open(path, howToRead);
    for (const name of listXattrs(dir)) {
      if (entry.xattrs?.has(name) || name === "security.selinux" || this.#target.isForbidden(name)) continue;
      removeXattr(dir, name);
    }
  }

  #isLinkTo(action: Action, { dev, ino }: BigIntStats): boolean {
    const target = this.#tree.stat(this.#resolvedTarget(action));
    return target?.dev === dev && target.ino === ino;
  }

  #resolvedTarget({ target }: Action): string {
    const { parent, base } = splitPath(target);
    const directory = this.#calls.canonical.get(parent) ?? parent;
    return directory === "" ? base : `${directory}/${base}`;
  }

  /** The directory of a link's target has a symbolic link on its way, or is not here. */
  #findTarget(action: Action): "skip" | "again" {
    const { parent } = splitPath(action.target);
    const resolved = this.#tree.resolve(parent, action.entry.name);
    if (resolved === undefined || resolved === (this.#calls.canonical.get(parent) ?? parent))
      return this.#defer(action);
    this.#calls.canonical.set(parent, resolved);
    return "again";
  }

  /** The file may be in a layer below. */
  #defer(action: Action): "skip" {
    if (this.#options.target === "flat")
      throw malformed(
        `is a hard link to ${JSON.stringify(readable(action.target))}, which is not there`,
        action.entry.name,
      );
    // Its directory has been opened, unless it was the target's that was looked for first.
    const { parent, base } = splitPath(action.resolved);
    const directory = this.#makeDirectory(parent, action.entry);
    const path = directory === "" ? base : `${directory}/${base}`;
    this.#remove(path);
    // A link to a link that has to wait is one to the same file: the other name may be gone by then.
    const target = this.#resolvedTarget(action);
    this.#links.add({ path, target: this.#links.targetOf(target) ?? target });
    return "skip";
  }

  /** Removes what is at `path`, except what `keep` wants, and what is known of it. */
  #remove(path: string, keep?: (path: string) => boolean): void {
    this.#calls.canonical.clear();
    this.#tree.remove(path, {
      ...(keep && { keep }),
      removed: (gone) => {
        this.#directoryTimes.delete(gone);
        this.#implicit.delete(gone);
        this.#links.forgetIn(gone);
      },
    });
    // Calls that are written down may need an open directory that is gone: whoever has some writes them down anew.
    if (this.#calls.actions.length === 0) this.#calls.dropDirectories();
  }

  #failure(action: Action, step: Step, error: number, attribute?: string): Error {
    const { entry, path, target } = action;
    return writeFailure(-error, {
      syscall: syscallOf(step, entry),
      path: readable(path),
      ...(target !== "" && { dest: readable(target) }),
      subject: entryText(entry.name),
      ...(attribute !== undefined && { attribute: readable(attribute) }),
    });
  }
}

/** A name as it is. */
function fileOf(name: string, limits: LayerLimits): NameMeaning {
  const path = cleanPath(name, limits);
  return path === "" ? { kind: "ignored" } : { kind: "path", path };
}

/** @throws {RuntError} FailedPrecondition, in docker's words */
function checkKind({ type, name }: TarEntry, stats: BigIntStats, resolved: string): void {
  if (stats.isDirectory() === (type === "directory")) return;
  const path = readable(resolved);
  const what = stats.isDirectory()
    ? `cannot overwrite directory "/${path}" with non-directory ${entryText(name)}`
    : `cannot overwrite non-directory "/${path}" with directory ${entryText(name)}`;
  throw new RuntError("FailedPrecondition", what, { operation: "copy", path });
}

function isZeroDevice({ type, major, minor }: TarEntry): boolean {
  return type === "character" && major === 0 && minor === 0;
}

/** A file and a directory have fds, a hard link is the file itself, and most symbolic links have nothing but times. */
function isSpecial({ type, xattrs }: TarEntry): boolean {
  if (type === "symlink") return xattrs !== undefined;
  return type === "character" || type === "block" || type === "fifo";
}
