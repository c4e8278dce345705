/**
 * Writes entries into a directory. What an entry takes is written down as system calls, and those of many entries are
 * made together (linux/batch.ts). They are the calls for the usual case: the directory is there, nothing has the name
 * yet. Where the kernel says otherwise the batch stops, recovery.ts sees to it, and it goes on.
 *
 * Order: create, owner, attributes, mode, times. A change of owner takes set-user-ID bits and capabilities away, so both
 * come after it; times of directories come last of all, since every file in them changes those.
 */
import { chmodSync, constants } from "node:fs";
import { RuntError } from "../../errors.ts";
import { openAt, openHow, pathAt, readable } from "../../linux/at.ts";
import type { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { SystemError } from "../../linux/system-error.ts";
import { setXattr } from "../../linux/xattr.ts";
import { type Action, newAction } from "./action.ts";
import type { DeferredLink } from "./deferred-links.ts";
import type { EntrySink, TarEntry } from "./entry.ts";
import { EntryCalls, type Handed, type TakenBack } from "./entry-calls.ts";
import { cleanPath, meaningOf, type NameMeaning } from "./entry-name.ts";
import type { LayerLimits } from "./limits.ts";
import { entryText, malformed } from "./malformed.ts";
import { Recovery, type Verdict } from "./recovery.ts";
import type { LayerTarget } from "./target.ts";
import { resolveFlags } from "./tree.ts";
import { writeFailure } from "./write-failure.ts";
import { WrittenTree } from "./written.ts";

/** Enough that neither thread waits for the other because one chunk has many small files and the next has none. */
const mostHandedOver = 3;

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

export class LayerWriter implements EntrySink, Disposable {
  readonly #options: WriterOptions;
  readonly #written: WrittenTree;
  readonly #calls: EntryCalls;
  readonly #recovery: Recovery;
  #chunk: Buffer = Buffer.alloc(1);
  /** The file whose data come. */
  #current: Action | undefined;

  /** @param root stays the caller's */
  constructor(root: Fd, options: WriterOptions) {
    const { limits } = options;
    this.#options = options;
    this.#written = new WrittenTree(root, { ...options, removed: () => this.#removed() });
    this.#calls = new EntryCalls(root, {
      limits,
      mayHave: (entry, attribute) => this.#mayHave(entry, attribute),
      opaqueAttribute: this.#target.opaqueAttribute,
      isLink: (path) => this.#written.links.targetOf(path) !== undefined,
    });
    this.#recovery = new Recovery(this.#written, this.#calls, { ...options, isFiles: this.#isFiles });
  }

  get #target(): LayerTarget {
    return this.#written.target;
  }

  get #isFiles(): boolean {
    return this.#options.meaning === "files";
  }

  #removed(): void {
    this.#calls.canonical.clear();
    // Calls that are written down may need an open directory that is gone: whoever has some writes them down anew.
    if (this.#calls.actions.length === 0 && !this.#calls.isHandedOver) this.#calls.dropDirectories();
  }

  /** What `data` offsets are offsets into, until the next `flush` or `advance`. */
  set chunk(chunk: Buffer) {
    this.#chunk = chunk;
  }

  /** Directories that no entry describes, whose attributes are those of the layers below. */
  get implicitParents(): string[] {
    return [...this.#written.implicit];
  }

  get deferredLinks(): DeferredLink[] {
    return this.#written.links.all();
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
      const stats = this.#written.tree.stat(target);
      if (stats && this.#target.isWhiteout(stats))
        throw malformed("is a hard link to a whiteout", entry.name);
    }
    return target;
  }

  /** Makes all calls that are written down. @throws {RuntError} */
  flush(): void {
    const calls = this.#calls;
    if (!calls.isHandedOver) this.#run();
    else if (calls.actions.length > 0) this.#handOver(0);
    else this.#completed(calls.wait(0));
  }

  /**
   * Sees to it that all calls that are written down are made: by a thread beside this one, so that the next chunk can be
   * read meanwhile. Waits only where that is too far behind.
   * @throws {RuntError} what went wrong with these, or with those before
   */
  advance(): void {
    if (this.#calls.actions.length === 0) return;
    if (this.#calls.mayHandOver) this.#handOver(mostHandedOver);
    else this.#run();
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
    for (const [path, times] of this.#written.directoryTimes) {
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
    if (this.#calls.isFullFor(action)) this.advance();
    this.#calls.add(action);
  }

  /** Where nothing is handed over, and is not to be. */
  #addAgain(action: Action): void {
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
    this.#written.tree.at(action.resolved, (dir, base) => {
      for (const [name, value] of entry.xattrs ?? []) {
        if (!this.#mayHave(entry, name)) continue;
        try {
          setXattr(pathAt(dir, base), name, value);
        } catch (error) {
          if (!(error instanceof SystemError) || !this.#recovery.isTolerable(error.errno, name, entry))
            throw this.#recovery.failure(
              action,
              "xattr",
              error instanceof SystemError ? error.errno : -5,
              name,
            );
        }
      }
      if (entry.type === "symlink") return;
      using itself = openAt(dir, base, howToName);
      chmodSync(`/proc/self/fd/${itself.n}`, entry.mode);
    });
    this.#add(newAction("times", entry, action.path));
  }

  #handOver(most: number): void {
    this.#completed(this.#calls.handOver(this.#chunk, most), most);
  }

  /** Of what was handed over; and sees to what has failed. */
  #completed(handed: readonly Handed[], most = 0): void {
    const calls = this.#calls;
    /** How many of the actions of the first one are completed. */
    let completed = 0;
    for (let done = handed; ; done = calls.wait(most)) {
      for (const { actions } of done) {
        while (completed < actions.length) this.#written.completed(actions[completed++]!);
        completed = 0;
      }
      const { failed } = calls;
      if (!failed) return;
      const { actions, call } = failed;
      const k = actionOf(actions, call);
      while (completed < k) this.#written.completed(actions[completed++]!);
      const verdict = this.#recover(actions[k]!, call, () => calls.handedChunk());
      if (verdict === "next") {
        calls.resume(call + 1);
        continue;
      }
      const [first, ...others] = calls.takeBack();
      const rest = actions.slice(verdict === "again" ? k : k + 1);
      calls.dropDirectories();
      this.#doAgain([{ actions: rest, chunk: first!.chunk }, ...others]);
      return;
    }
  }

  /** One after the other, and none of it beside this thread. */
  #doAgain(taken: readonly TakenBack[]): void {
    const before = this.#chunk;
    for (const { actions, chunk } of taken) {
      this.#chunk = chunk;
      for (const again of actions) this.#addAgain(again);
      this.#run();
    }
    this.#chunk = before;
  }

  #recover(action: Action, failed: number, chunk: () => Buffer): Verdict {
    return this.#guard(action.entry, () => this.#recovery.recover(action, failed, chunk));
  }

  /** What is written down, on this thread. */
  #run(): void {
    const calls = this.#calls;
    let from = 0;
    let completed = 0;
    while (from < calls.count) {
      const stop = calls.run(from, this.#chunk);
      if (stop === calls.count) break;
      const { actions } = calls;
      const k = actionOf(actions, stop);
      // First: what is done about this one may undo some of them.
      while (completed < k) this.#written.completed(actions[completed++]!);
      const verdict = this.#recover(actions[k]!, stop, () => this.#chunk);
      if (verdict === "next") from = stop + 1;
      else {
        const rest = actions.slice(verdict === "again" ? k : k + 1);
        calls.forget();
        // Which directories are open is not what it was when these were written down.
        calls.dropDirectories();
        for (const again of rest) this.#addAgain(again);
        from = completed = 0;
      }
    }
    while (completed < calls.actions.length) this.#written.completed(calls.actions[completed++]!);
    calls.forget();
  }
}

/** Which action a call belongs to. */
function actionOf(actions: readonly Action[], call: number): number {
  let k = actions.length - 1;
  while (actions[k]!.first > call) k--;
  return k;
}

/** A name as it is. */
function fileOf(name: string, limits: LayerLimits): NameMeaning {
  const path = cleanPath(name, limits);
  return path === "" ? { kind: "ignored" } : { kind: "path", path };
}

function isZeroDevice({ type, major, minor }: TarEntry): boolean {
  return type === "character" && major === 0 && minor === 0;
}

/** A file and a directory have fds, a hard link is the file itself, and most symbolic links have nothing but times. */
function isSpecial({ type, xattrs }: TarEntry): boolean {
  if (type === "symlink") return xattrs !== undefined;
  return type === "character" || type === "block" || type === "fifo";
}
