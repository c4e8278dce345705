/**
 * Writes entries into a directory. What an entry takes is written down as system calls, and those of many entries are
 * made together (linux/batch.ts). They are the calls for the usual case: the directory is there, nothing has the name
 * yet. Where the kernel says otherwise the batch stops, `#recover` sees to it, and it goes on.
 *
 * Order: create, owner, attributes, mode, times. A change of owner takes set-user-ID bits and capabilities away, so both
 * come after it; times of directories come last of all, since every file in them changes those.
 */
import { type BigIntStats, constants, writeSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { AT_SYMLINK_NOFOLLOW, makedev, openHow, pathAt, readable } from "../../linux/at.ts";
import { Batch } from "../../linux/batch.ts";
import type { Fd } from "../../linux/fd.ts";
import { SYS } from "../../linux/syscall-numbers.ts";
import { errnoText, SystemError } from "../../linux/system-error.ts";
import { listXattrs, removeXattr, setXattr } from "../../linux/xattr.ts";
import type { EntrySink, TarEntry } from "./entry.ts";
import { checkLimits, cleanPath, meaningOf, type NameMeaning, splitPath } from "./entry-name.ts";
import type { LayerLimits } from "./limits.ts";
import { entryText, malformed } from "./malformed.ts";
import { DirectorySlots } from "./slots.ts";
import { FlatTarget, type LayerTarget, OverlayTarget } from "./target.ts";
import { howToRead, howToSearch, LayerTree, resolveFlags } from "./tree.ts";
import { writeFailure } from "./write-failure.ts";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, S_IFCHR, S_IFBLK, S_IFIFO } = constants;

/** Registers of the batch: 0 is its error. */
const FILE = 1;
const firstSlot = 2;
const slotCount = 32;

/** What a call is for. */
export type Step =
  | "parent"
  | "target"
  | "create"
  | "open"
  | "chown"
  | "xattr"
  | "opaque"
  | "chmod"
  | "times"
  | "write"
  | "truncate"
  | "close";

/** Calls that belong together: `begin` makes an entry, `data` are a part of a file, `end` are a file's attributes. */
interface Action {
  readonly kind: "begin" | "attributes" | "data" | "end";
  readonly entry: TarEntry;
  /** Cleaned name; of a hard link, that of its target too. */
  readonly path: string;
  readonly target: string;
  /** Bytes of the chunk, and where they belong in the file. */
  start: number;
  end: number;
  position: number;
  /** Index of the first call. */
  first: number;
  /** `path` without links on the way, as it was written down last. */
  resolved: string;
  /** A directory that hides what is below it. */
  opaque: boolean;
  tries: number;
}

type Times = Pick<TarEntry, "atimeS" | "atimeNs" | "mtimeS" | "mtimeNs">;

/** A hard link to what this layer does not have; byte strings. */
export interface DeferredLink {
  readonly path: string;
  readonly target: string;
}

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
  readonly #root: Fd;
  readonly #options: WriterOptions;
  readonly #target: LayerTarget;
  readonly #batch: Batch;
  readonly #slots = new DirectorySlots(firstSlot, slotCount);
  readonly #howToSearch: number;
  readonly #howToRead: number;
  readonly #howToCreate: number;
  #actions: Action[] = [];
  /** What each call of the batch is for, and which attribute it sets. */
  readonly #steps: Step[] = [];
  readonly #attributeOf = new Map<number, string>();
  #chunk: Buffer = Buffer.alloc(1);
  #current: Action | undefined;
  /** Directories as archives name them → without the links in them. */
  readonly #canonical = new Map<string, string>();
  readonly #directoryTimes = new Map<string, Times>();
  readonly #implicit = new Set<string>();
  readonly #links = new Map<string, DeferredLink>();

  /** @param root stays the caller's */
  constructor(root: Fd, options: WriterOptions) {
    this.#root = root;
    this.#options = options;
    this.#tree = new LayerTree(root, options.limits);
    const context = {
      tree: this.#tree,
      makeDirectory: (path: string, entry: TarEntry) => this.#makeDirectory(path, entry),
      removed: (path: string) => this.#removed(path),
    };
    this.#target =
      options.target === "overlay" ? new OverlayTarget(context, options) : new FlatTarget(context);
    // One entry's attributes must fit: they come from a header of limited size.
    const textBytes = 2 ** 18 + 4 * options.limits.pathBytes + 2 * options.limits.headerBytes;
    this.#batch = new Batch({ calls: 4096, textBytes, registers: firstSlot + slotCount });
    this.#howToSearch = this.#batch.constant(howToSearch);
    this.#howToRead = this.#batch.constant(howToRead);
    const create = openHow(O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, resolveFlags, 0o600);
    this.#howToCreate = this.#batch.constant(create);
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
    return [...this.#links.values()];
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
    const action = this.#action("begin", entry, path);
    this.#add(action);
    if (entry.type === "file") this.#current = action;
    else if (entry.xattrs && entry.type !== "directory" && entry.type !== "hardlink")
      this.#specialXattrs(action);
  }

  data(start: number, end: number, position: number): void {
    if (!this.#current) return;
    const { entry, path } = this.#current;
    const action = this.#action("data", entry, path);
    action.start = start;
    action.end = end;
    action.position = position;
    this.#add(action);
  }

  end(): void {
    if (!this.#current) return;
    const { entry, path } = this.#current;
    this.#add(this.#action("end", entry, path));
    this.#current = undefined;
  }

  #action(kind: Action["kind"], entry: TarEntry, path: string): Action {
    const target = kind === "begin" && entry.type === "hardlink" ? this.#linkTarget(entry) : "";
    return {
      kind,
      entry,
      path,
      target,
      start: 0,
      end: 0,
      position: 0,
      first: 0,
      resolved: path,
      opaque: false,
      tries: 0,
    };
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
    if (this.#actions.length > 0) this.#run();
  }

  /** After the last entry: the times of directories. @throws {RuntError} */
  finish(): void {
    this.flush();
    const batch = this.#batch;
    const run = () => {
      for (let from = 0; from < batch.count; ) {
        const stop = batch.run(from, this.#chunk);
        if (stop < batch.count)
          throw writeFailure(-batch.error, {
            syscall: "utimensat",
            path: "directory",
            subject: "directory times",
          });
        from = stop;
      }
      batch.clear();
    };
    for (const [path, times] of this.#directoryTimes) {
      if (batch.full(3, path.length + 64)) run();
      batch
        .call(SYS.openat2, FILE)
        .value(this.#root.n)
        .text(batch.string(path))
        .text(this.#howToRead)
        .value(24);
      batch.call(SYS.utimensat).register(FILE).value(0).text(this.#timesOf(times)).value(0);
      batch.call(SYS.close).take(FILE);
    }
    run();
    this.#dropSlots();
  }

  [Symbol.dispose](): void {
    this.#batch[Symbol.dispose]();
  }

  // Writing down

  #add(action: Action): void {
    const { linkname, xattrs } = action.entry;
    let calls = 24;
    // Its directory, that of a link's target, the names in them: never longer than a path may be.
    let text = 4 * this.#options.limits.pathBytes + linkname.length + 512;
    if (xattrs)
      for (const [attribute, value] of xattrs) {
        calls++;
        text += attribute.length + value.length + 1;
      }
    if (this.#batch.full(calls, text)) this.#run();
    action.first = this.#batch.count;
    this.#actions.push(action);
    if (action.kind === "data") this.#encodeData(action);
    else if (action.kind === "end") this.#encodeEnd(action);
    else this.#encodeBegin(action);
  }

  #call(step: Step, number: number, into = -1): Batch {
    this.#steps[this.#batch.count] = step;
    return this.#batch.call(number, into);
  }

  /** An open directory as the next argument. */
  #dir(batch: Batch, register: number): Batch {
    return register < 0 ? batch.value(this.#root.n) : batch.register(register);
  }

  /** The register of a directory, which is opened if need be; −1 is the root. */
  #directory(path: string, step: Step): number {
    if (path === "") return -1;
    const register = this.#slots.get(path);
    if (register !== undefined) return register;
    const taken = this.#takeSlot(path);
    this.#call(step, SYS.openat2, taken)
      .value(this.#root.n)
      .text(this.#batch.string(path))
      .text(this.#howToSearch)
      .value(24);
    return taken;
  }

  #takeSlot(path: string): number {
    const { register, occupied } = this.#slots.take(path);
    if (occupied) this.#call("close", SYS.close).take(register);
    return register;
  }

  #encodeBegin(action: Action): void {
    const { entry } = action;
    const batch = this.#batch;
    const { parent, base } = splitPath(action.path);
    const directory = this.#canonical.get(parent) ?? parent;
    action.resolved = directory === "" ? base : `${directory}/${base}`;
    const dir = this.#directory(directory, "parent");
    const name = batch.string(base);
    if (action.kind === "attributes") {
      this.#encodeAttributes(entry, dir, name);
      return;
    }
    switch (entry.type) {
      case "file":
        this.#dir(this.#call("create", SYS.openat2, FILE), dir)
          .text(name)
          .text(this.#howToCreate)
          .value(24);
        return;
      case "directory":
        this.#encodeDirectory(action, dir, name);
        return;
      case "symlink":
        if (entry.linkname === "") throw malformed("is a symbolic link to nothing", entry.name);
        if (entry.linkname.length > 4095) throw malformed("its target is too long", entry.name);
        this.#dir(this.#call("create", SYS.symlinkat).text(batch.string(entry.linkname)), dir).text(name);
        break;
      case "hardlink": {
        const target = splitPath(action.target);
        const from = this.#directory(this.#canonical.get(target.parent) ?? target.parent, "target");
        const call = this.#dir(this.#call("create", SYS.linkat), from).text(batch.string(target.base));
        this.#dir(call, dir).text(name).value(0);
        // What it is called is all that a link adds to the file.
        return;
      }
      default:
        this.#dir(this.#call("create", SYS.mknodat), dir)
          .text(name)
          .value(modeOf(entry))
          .value(deviceOf(entry));
    }
    this.#dir(this.#call("chown", SYS.fchownat), dir)
      .text(name)
      .value(entry.uid)
      .value(entry.gid)
      .value(AT_SYMLINK_NOFOLLOW);
    if (!entry.xattrs) this.#encodeAttributes(entry, dir, name);
  }

  #encodeDirectory(action: Action, dir: number, name: number): void {
    const { entry, resolved } = action;
    this.#dir(this.#call("create", SYS.mkdirat), dir).text(name).value(0o700);
    const open = this.#slots.get(resolved);
    if (open !== undefined) this.#call("close", SYS.close).take(open);
    // The slot of its parent was used just now, so it is another one that makes room.
    const self = open ?? this.#takeSlot(resolved);
    this.#dir(this.#call("open", SYS.openat2, self), dir)
      .text(name)
      .text(this.#howToRead)
      .value(24);
    this.#call("chown", SYS.fchown).register(self).value(entry.uid).value(entry.gid);
    this.#encodeXattrs(entry, self);
    if (action.opaque && this.#target.opaqueAttribute !== undefined)
      this.#encodeXattr("opaque", self, this.#target.opaqueAttribute, Buffer.from("y"));
    this.#call("chmod", SYS.fchmod).register(self).value(entry.mode);
  }

  /** Mode and times of what has no fd. */
  #encodeAttributes(entry: TarEntry, dir: number, name: number): void {
    // Links have no mode; what is not one has just been made, so that nothing can be followed.
    if (entry.type !== "symlink")
      this.#dir(this.#call("chmod", SYS.fchmodat), dir).text(name).value(entry.mode);
    this.#dir(this.#call("times", SYS.utimensat), dir)
      .text(name)
      .text(this.#timesOf(entry))
      .value(AT_SYMLINK_NOFOLLOW);
  }

  #encodeData({ start, end, position }: Action): void {
    this.#call("write", SYS.pwrite64)
      .register(FILE)
      .data(start)
      .value(end - start)
      .value(position)
      .whole();
  }

  #encodeEnd({ entry }: Action): void {
    if (entry.sparse) this.#call("truncate", SYS.ftruncate).register(FILE).value(entry.size);
    this.#call("chown", SYS.fchown).register(FILE).value(entry.uid).value(entry.gid);
    this.#encodeXattrs(entry, FILE);
    this.#call("chmod", SYS.fchmod).register(FILE).value(entry.mode);
    this.#call("times", SYS.utimensat).register(FILE).value(0).text(this.#timesOf(entry)).value(0);
    this.#call("close", SYS.close).take(FILE);
  }

  #encodeXattrs(entry: TarEntry, register: number): void {
    if (!entry.xattrs) return;
    for (const [name, value] of entry.xattrs)
      if (this.#mayHave(entry, name)) this.#encodeXattr("xattr", register, name, value);
  }

  #encodeXattr(step: Step, register: number, name: string, value: Uint8Array): void {
    this.#attributeOf.set(this.#batch.count, name);
    this.#call(step, SYS.fsetxattr)
      .register(register)
      .text(this.#batch.string(name))
      .text(this.#batch.bytes(value))
      .value(value.length)
      .value(0);
  }

  #mayHave(entry: TarEntry, name: string): boolean {
    if (!this.#target.isForbidden(name)) return true;
    this.#options.warn(`${entryText(entry.name)}: the attribute ${readable(name)} is not for a layer to set`);
    return false;
  }

  #timesOf({ atimeS, atimeNs, mtimeS, mtimeNs }: Times): number {
    return this.#batch.times(atimeS, atimeNs, mtimeS, mtimeNs);
  }

  /** There is no fd of a link, a device or a fifo, and so no call for a batch. */
  #specialXattrs(action: Action): void {
    this.flush();
    const { entry } = action;
    this.#tree.at(action.resolved, (dir, base) => {
      for (const [name, value] of entry.xattrs!) {
        if (!this.#mayHave(entry, name)) continue;
        try {
          setXattr(pathAt(dir, base), name, value);
        } catch (error) {
          if (!(error instanceof SystemError) || !this.#isTolerable(error.errno, name, entry))
            throw this.#failure(action, "xattr", error instanceof SystemError ? error.errno : -5, name);
        }
      }
    });
    this.#add(this.#action("attributes", entry, action.path));
  }

  // Running

  #run(): void {
    const batch = this.#batch;
    let from = 0;
    let completed = 0;
    while (from < batch.count) {
      const stop = batch.run(from, this.#chunk);
      if (stop === batch.count) break;
      let k = this.#actions.length - 1;
      while (this.#actions[k]!.first > stop) k--;
      // First: what is done about this one may undo some of them.
      while (completed < k) this.#completed(this.#actions[completed++]!);
      const action = this.#actions[k]!;
      const verdict = this.#guard(action.entry, () => this.#recover(action, stop));
      if (verdict === "next") from = stop + 1;
      else {
        const rest = this.#actions.slice(verdict === "again" ? k : k + 1);
        this.#forget();
        // Which directories are open is not what it was when these were written down.
        this.#dropSlots();
        for (const again of rest) this.#add(again);
        from = completed = 0;
      }
    }
    while (completed < this.#actions.length) this.#completed(this.#actions[completed++]!);
    this.#forget();
  }

  #forget(): void {
    this.#actions = [];
    this.#batch.clear();
    this.#attributeOf.clear();
  }

  #dropSlots(): void {
    for (const register of this.#slots.clear()) this.#batch.close(register);
  }

  #completed({ kind, entry, resolved }: Action): void {
    if (kind !== "begin") return;
    if (entry.type === "directory") {
      const { atimeS, atimeNs, mtimeS, mtimeNs } = entry;
      this.#directoryTimes.set(resolved, { atimeS, atimeNs, mtimeS, mtimeNs });
      this.#implicit.delete(resolved);
    }
    if (this.#links.size > 0) this.#links.delete(resolved);
    this.#target.written(resolved);
  }

  /**
   * What to do about a call that failed: leave it out ("next"), the whole action ("skip"), or write the action and what
   * follows it down anew, since what was in the way is gone.
   * @throws {RuntError} where it is the archive's fault, or the disk's
   */
  #recover(action: Action, stop: number): "next" | "skip" | "again" {
    const step = this.#steps[stop]!;
    const error = this.#batch.error;
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
        if (this.#isTolerable(error, this.#attributeOf.get(stop)!, entry)) return "next";
        break;
      case "write":
        if (error < 0) break;
        this.#writeRest(action, error);
        return "next";
    }
    throw this.#failure(action, step, error, this.#attributeOf.get(stop));
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
    const fd = this.#batch.registerValue(FILE);
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
    if (resolved !== parent) this.#canonical.set(parent, resolved);
    const path = resolved === "" ? splitPath(action.path).base : `${resolved}/${splitPath(action.path).base}`;
    checkLimits(path, action.entry.name, this.#options.limits);
  }

  /** Also forgets which directories are open if it has to remove something. */
  #makeDirectory(path: string, entry: TarEntry): string {
    const afterWhiteout = new Set<string>();
    return this.#tree.makeDirectories(path, entry.name, {
      blocked: (step, stats) => {
        if (!this.#target.isWhiteout(stats)) return false;
        this.#tree.remove(step);
        this.#removed(step);
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
    this.#tree.remove(resolved);
    this.#removed(resolved);
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
    const directory = this.#canonical.get(parent) ?? parent;
    return directory === "" ? base : `${directory}/${base}`;
  }

  /** The directory of a link's target has a symbolic link on its way, or is not here. */
  #findTarget(action: Action): "skip" | "again" {
    const { parent } = splitPath(action.target);
    const resolved = this.#tree.resolve(parent, action.entry.name);
    if (resolved === undefined || resolved === (this.#canonical.get(parent) ?? parent))
      return this.#defer(action);
    this.#canonical.set(parent, resolved);
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
    if (this.#tree.stat(path)) {
      this.#tree.remove(path);
      this.#removed(path);
    }
    // A link to a link that has to wait is one to the same file: the other name may be gone by then.
    const target = this.#resolvedTarget(action);
    this.#links.set(path, { path, target: this.#links.get(target)?.target ?? target });
    return "skip";
  }

  /** Nothing that was known of this path, and of what was below it, is true any more. */
  #removed(path: string): void {
    this.#canonical.clear();
    const isBelow = (other: string) => other === path || other.startsWith(`${path}/`);
    for (const other of this.#directoryTimes.keys()) if (isBelow(other)) this.#directoryTimes.delete(other);
    for (const other of this.#implicit) if (isBelow(other)) this.#implicit.delete(other);
    for (const other of this.#links.keys()) if (isBelow(other)) this.#links.delete(other);
    // Calls that are written down may hold on to an open directory that is gone: they are dropped by whoever called.
    if (this.#actions.length === 0) this.#dropSlots();
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

function modeOf({ type }: TarEntry): number {
  return 0o600 | (type === "character" ? S_IFCHR : type === "block" ? S_IFBLK : S_IFIFO);
}

function deviceOf({ type, major, minor, name }: TarEntry): number {
  if (type === "fifo") return 0;
  if (major > 0xfff || minor > 0xfffff)
    throw malformed(`its device number ${major}:${minor} is none that Linux has`, name);
  return makedev(major, minor);
}

const creators: Readonly<Record<TarEntry["type"], string>> = {
  file: "openat2",
  directory: "mkdirat",
  symlink: "symlinkat",
  hardlink: "linkat",
  character: "mknodat",
  block: "mknodat",
  fifo: "mknodat",
};

function syscallOf(step: Step, { type }: TarEntry): string {
  switch (step) {
    case "parent":
    case "target":
    case "open":
      return "openat2";
    case "create":
      return creators[type];
    case "xattr":
    case "opaque":
      return "setxattr";
    case "times":
      return "utimensat";
    case "chown":
      return "fchownat";
    case "truncate":
      return "ftruncate";
    default:
      return step;
  }
}
