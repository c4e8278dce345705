/**
 * Entries as system calls, for the usual case: the directory is there, and nothing has the name yet. Nothing is decided
 * and nothing is done here; `LayerWriter` runs them and sees to what the kernel says.
 *
 * Order: create, owner, attributes, mode, times. A change of owner takes set-user-ID bits and capabilities away, so both
 * come after it.
 */
import { constants } from "node:fs";
import { AT_SYMLINK_NOFOLLOW, makedev, openHow } from "../../linux/at.ts";
import { Batch } from "../../linux/batch.ts";
import { BatchQueue } from "../../linux/batch-queue.ts";
import type { Fd } from "../../linux/fd.ts";
import { SYS } from "../../linux/syscall-numbers.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Action, Step } from "./action.ts";
import type { TarEntry } from "./entry.ts";
import { splitPath } from "./entry-name.ts";
import type { LayerLimits } from "./limits.ts";
import { malformed } from "./malformed.ts";
import { DirectorySlots } from "./slots.ts";
import { howToRead, howToSearch, resolveFlags } from "./tree.ts";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, S_IFCHR, S_IFBLK, S_IFIFO } = constants;

/** Registers of the batch: 0 is its error. */
const FILE = 1;
const firstSlot = 2;
const slotCount = 32;
/** More calls than one action takes, attributes not counted. */
const callsOfAction = 24;

export type EntryTimes = Pick<TarEntry, "atimeS" | "atimeNs" | "mtimeS" | "mtimeNs">;

export interface EntryCallsOptions {
  readonly limits: LayerLimits;
  /** Whether an entry may have an attribute. */
  readonly mayHave: (entry: TarEntry, attribute: string) => boolean;
  /** What marks an opaque directory; undefined where nothing does. */
  readonly opaqueAttribute: string | undefined;
  /** Whether a link that waits has this name: what takes its place hides, as it did, what is below. */
  readonly isLink: (path: string) => boolean;
}

/** Written down, and handed over to the thread that makes the calls. */
export interface Handed {
  readonly actions: readonly Action[];
  readonly steps: readonly Step[];
  readonly attributeOf: ReadonlyMap<number, string>;
  readonly chunkBytes: number;
}

/** What was handed over, and has to be written down anew. */
export interface TakenBack {
  readonly actions: readonly Action[];
  /** What the actions' data are in. */
  readonly chunk: Buffer;
}

export class EntryCalls implements Disposable {
  readonly #root: Fd;
  readonly #options: EntryCallsOptions;
  readonly #batch: Batch;
  readonly #slots = new DirectorySlots(firstSlot, slotCount);
  readonly #howToSearch: number;
  readonly #howToRead: number;
  readonly #howToCreate: number;
  #actions: Action[] = [];
  #steps: Step[] = [];
  /** Which attribute a call sets. */
  #attributeOf = new Map<number, string>();
  readonly #handed: Handed[] = [];
  /** From the first time that something is handed over. */
  #queue: BatchQueue | undefined;
  /** There is no thread to be had. */
  #alone = false;
  /** Directories as archives name them → without the links in them. */
  readonly canonical = new Map<string, string>();

  /** @param root stays the caller's */
  constructor(root: Fd, options: EntryCallsOptions) {
    this.#root = root;
    this.#options = options;
    // One entry's attributes must fit: they come from a header of limited size.
    const textBytes = 2 ** 18 + 4 * options.limits.pathBytes + 2 * options.limits.headerBytes;
    this.#batch = new Batch({ calls: 4096, textBytes, registers: firstSlot + slotCount });
    this.#howToSearch = this.#batch.constant(howToSearch);
    this.#howToRead = this.#batch.constant(howToRead);
    const create = openHow(O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, resolveFlags, 0o600);
    this.#howToCreate = this.#batch.constant(create);
  }

  /** What has been written down, in order. */
  get actions(): readonly Action[] {
    return this.#actions;
  }

  /** How many calls. */
  get count(): number {
    return this.#batch.count;
  }

  /** Of the call that failed: −errno; bytes that were written by a write that was short. */
  get error(): number {
    return this.#batch.error;
  }

  /** The file that is being written. */
  get file(): number {
    return this.#batch.registerValue(FILE);
  }

  /** What a call is for, and which attribute it sets: of what was handed over first, else of what is written down. */
  stepAt(index: number): { readonly step: Step; readonly attribute: string | undefined } {
    const steps = this.#handed[0]?.steps ?? this.#steps;
    const attributeOf = this.#handed[0]?.attributeOf ?? this.#attributeOf;
    return { step: steps[index]!, attribute: attributeOf.get(index) };
  }

  /** Whether there is no room for one more. */
  isFullFor({ entry: { linkname, xattrs } }: Action): boolean {
    let calls = callsOfAction;
    // Its directory, that of a link's target, the names in them: never longer than a path may be.
    let text = 4 * this.#options.limits.pathBytes + linkname.length + 512;
    if (xattrs)
      for (const [attribute, value] of xattrs) {
        calls++;
        text += attribute.length + value.length + 1;
      }
    return this.#batch.full(calls, text);
  }

  /** Writes an action down. @throws {RuntError} InvalidArgument for what cannot be asked of the kernel */
  add(action: Action): void {
    action.first = this.#batch.count;
    this.#actions.push(action);
    if (action.kind === "data") this.#data(action);
    else if (action.kind === "end") this.#end(action);
    else this.#named(action);
  }

  /** Makes the calls from the `from`th on. @returns the one that failed, or `count` */
  run(from: number, chunk: Uint8Array): number {
    return this.#batch.run(from, chunk);
  }

  /** Whether there is a thread to hand over to: there may be no room for one more among a group's or a user's. */
  get mayHandOver(): boolean {
    if (this.#queue || this.#alone) return !this.#alone;
    try {
      this.#queue = new BatchQueue(this.#batch);
    } catch (error) {
      if (!hasCode(error, "EAGAIN")) throw error;
      this.#alone = true;
    }
    return !this.#alone;
  }

  /**
   * Hands over what is written down to a thread that makes the calls while the next ones are written down, and waits while
   * it is behind with more than `most` times; only where it `mayHandOver`. `chunk` is copied. Nothing else may be done by calls until all is back.
   * @returns the actions that have been carried out, of those handed over
   */
  handOver(chunk: Uint8Array, most: number): readonly Handed[] {
    const done = this.#queue!.add(chunk, most);
    this.#handed.push({
      actions: this.#actions,
      steps: this.#steps,
      attributeOf: this.#attributeOf,
      chunkBytes: chunk.length,
    });
    this.#steps = [];
    this.#attributeOf = new Map();
    this.forget();
    return this.#handed.splice(0, done);
  }

  /** The same without handing over anything. */
  wait(most: number): readonly Handed[] {
    return this.#handed.splice(0, this.#queue!.wait(most));
  }

  /** Whether anything is handed over that is not known to be carried out. */
  get isHandedOver(): boolean {
    return this.#handed.length > 0;
  }

  /** What has failed: nothing else is done until `resume` or `takeBack`. */
  get failed(): { readonly actions: readonly Action[]; readonly call: number } | undefined {
    if (!this.#queue?.stopped) return undefined;
    return { actions: this.#handed[0]!.actions, call: this.#queue.failed };
  }

  /** What has failed goes on from the `from`th call on. */
  resume(from: number): void {
    this.#queue!.resume(from);
  }

  /** A copy of the chunk that the data of what has failed are in. */
  handedChunk(): Buffer {
    return this.#queue!.data(this.#handed[0]!.chunkBytes);
  }

  /** Takes back all that was handed over, the first of which has failed. */
  takeBack(): TakenBack[] {
    const taken: TakenBack[] = [];
    while (this.#handed.length > 0) {
      const chunk = this.handedChunk();
      this.#queue!.drop();
      taken.push({ actions: this.#handed.shift()!.actions, chunk });
    }
    return taken;
  }

  /** Forgets what is written down; which directories are open stays as it is. */
  forget(): void {
    this.#actions = [];
    this.#batch.clear();
    this.#attributeOf.clear();
  }

  /** Closes the directories that are open: one of them may be gone, or never have been opened. */
  dropDirectories(): void {
    for (const register of this.#slots.clear()) this.#batch.close(register);
  }

  /** Writes down the times of a directory; beside it nothing else may be written down. @returns false if it is full */
  addTimes(path: string, times: EntryTimes): boolean {
    const batch = this.#batch;
    if (batch.full(3, path.length + 64)) return false;
    const name = batch.string(path);
    this.#call("open", SYS.openat2, FILE).value(this.#root.n).text(name).text(this.#howToRead).value(24);
    this.#call("times", SYS.utimensat).register(FILE).value(0).text(this.#times(times)).value(0);
    this.#call("close", SYS.close).take(FILE);
    return true;
  }

  [Symbol.dispose](): void {
    this.#queue?.[Symbol.dispose]();
    this.#batch[Symbol.dispose]();
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
    const name = this.#batch.string(path);
    this.#call(step, SYS.openat2, taken).value(this.#root.n).text(name).text(this.#howToSearch).value(24);
    return taken;
  }

  #takeSlot(path: string): number {
    const { register, occupied } = this.#slots.take(path);
    if (occupied) this.#call("close", SYS.close).take(register);
    return register;
  }

  #named(action: Action): void {
    const { entry } = action;
    const { parent, base } = splitPath(action.path);
    const directory = this.canonical.get(parent) ?? parent;
    action.resolved = directory === "" ? base : `${directory}/${base}`;
    const dir = this.#directory(directory, "parent");
    const name = this.#batch.string(base);
    if (action.kind === "times") this.#timesByName(entry, dir, name);
    else this.#begin(action, dir, name);
  }

  #begin(action: Action, dir: number, name: number): void {
    const { entry } = action;
    switch (entry.type) {
      case "file":
        this.#dir(this.#call("create", SYS.openat2, FILE), dir)
          .text(name)
          .text(this.#howToCreate)
          .value(24);
        return;
      case "directory":
        this.#makeDirectory(action, dir, name);
        return;
      case "hardlink":
        // What it is called is all that a link adds to the file.
        this.#link(action, dir, name);
        return;
      case "symlink": {
        if (entry.linkname === "") throw malformed("is a symbolic link to nothing", entry.name);
        if (entry.linkname.length > 4095) throw malformed("its target is too long", entry.name);
        const target = this.#batch.string(entry.linkname);
        this.#dir(this.#call("create", SYS.symlinkat).text(target), dir).text(name);
        this.#chown(entry, dir, name);
        if (!entry.xattrs) this.#timesByName(entry, dir, name);
        return;
      }
      default:
        this.#dir(this.#call("create", SYS.mknodat), dir)
          .text(name)
          .value(modeOf(entry))
          .value(deviceOf(entry));
        this.#chown(entry, dir, name);
    }
  }

  #makeDirectory({ entry, resolved, opaque }: Action, dir: number, name: number): void {
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
    this.#xattrs(entry, self);
    const { opaqueAttribute, isLink } = this.#options;
    if ((opaque || isLink(resolved)) && opaqueAttribute !== undefined)
      this.#xattr("opaque", self, opaqueAttribute, Buffer.from("y"));
    this.#call("chmod", SYS.fchmod).register(self).value(entry.mode);
  }

  #link(action: Action, dir: number, name: number): void {
    const target = splitPath(action.target);
    const from = this.#directory(this.canonical.get(target.parent) ?? target.parent, "target");
    const fromName = this.#batch.string(target.base);
    const call = this.#dir(this.#call("create", SYS.linkat), from).text(fromName);
    this.#dir(call, dir).text(name).value(0);
  }

  #chown(entry: TarEntry, dir: number, name: number): void {
    const call = this.#dir(this.#call("chown", SYS.fchownat), dir).text(name);
    call.value(entry.uid).value(entry.gid).value(AT_SYMLINK_NOFOLLOW);
  }

  #timesByName(entry: TarEntry, dir: number, name: number): void {
    const call = this.#dir(this.#call("times", SYS.utimensat), dir).text(name);
    call.text(this.#times(entry)).value(AT_SYMLINK_NOFOLLOW);
  }

  #data({ start, end, position }: Action): void {
    const call = this.#call("write", SYS.pwrite64).register(FILE).data(start);
    call
      .value(end - start)
      .value(position)
      .whole();
  }

  #end({ entry }: Action): void {
    if (entry.sparse) this.#call("truncate", SYS.ftruncate).register(FILE).value(entry.size);
    this.#call("chown", SYS.fchown).register(FILE).value(entry.uid).value(entry.gid);
    this.#xattrs(entry, FILE);
    this.#call("chmod", SYS.fchmod).register(FILE).value(entry.mode);
    this.#call("times", SYS.utimensat).register(FILE).value(0).text(this.#times(entry)).value(0);
    this.#call("close", SYS.close).take(FILE);
  }

  #xattrs(entry: TarEntry, register: number): void {
    if (!entry.xattrs) return;
    for (const [name, value] of entry.xattrs)
      if (this.#options.mayHave(entry, name)) this.#xattr("xattr", register, name, value);
  }

  #xattr(step: Step, register: number, name: string, value: Uint8Array): void {
    const [nameText, valueText] = [this.#batch.string(name), this.#batch.bytes(value)];
    this.#attributeOf.set(this.#batch.count, name);
    const call = this.#call(step, SYS.fsetxattr).register(register).text(nameText);
    call.text(valueText).value(value.length).value(0);
  }

  #times({ atimeS, atimeNs, mtimeS, mtimeNs }: EntryTimes): number {
    return this.#batch.times(atimeS, atimeNs, mtimeS, mtimeNs);
  }
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
