/** What to do about a call that the kernel refused: most often, about what was in the way. */
import { type BigIntStats, writeSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { readable } from "../../linux/at.ts";
import { errnoText, type SystemError } from "../../linux/system-error.ts";
import { listXattrs, removeXattr } from "../../linux/xattr.ts";
import { type Action, type Step, syscallOf } from "./action.ts";
import type { TarEntry } from "./entry.ts";
import type { EntryCalls } from "./entry-calls.ts";
import { checkLimits, splitPath } from "./entry-name.ts";
import type { LayerLimits } from "./limits.ts";
import { entryText, malformed } from "./malformed.ts";
import { howToRead } from "./tree.ts";
import { writeFailure } from "./write-failure.ts";
import type { WrittenTree } from "./written.ts";

const SIGNED_EEXIST = -17;
const SIGNED_ENOENT = -2;
const SIGNED_ENOTDIR = -20;
const SIGNED_ELOOP = -40;
const SIGNED_EPERM = -1;
const SIGNED_EOPNOTSUPP = -95;

/** The call is left out, the whole action is, or the action and what follows it are written down anew. */
export type Verdict = "next" | "skip" | "again";

export interface RecoveryOptions {
  readonly target: "overlay" | "flat";
  /** Names as they are, and nothing of another kind is replaced. */
  readonly isFiles: boolean;
  readonly limits: LayerLimits;
  readonly warn: (text: string) => void;
}

export class Recovery {
  readonly #written: WrittenTree;
  readonly #calls: EntryCalls;
  readonly #options: RecoveryOptions;

  constructor(written: WrittenTree, calls: EntryCalls, options: RecoveryOptions) {
    this.#written = written;
    this.#calls = calls;
    this.#options = options;
  }

  /**
   * What to do about the call `stop` of `action`, which failed.
   * @param chunk gives what the action's data are in
   * @throws {RuntError} where it is the archive's fault, or the disk's
   */
  recover(action: Action, stop: number, chunk: () => Buffer): Verdict {
    const { step, attribute } = this.#calls.stepAt(stop);
    const { error } = this.#calls;
    const { entry } = action;
    if (++action.tries > 1000) throw this.failure(action, step, error);
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
        if (entry.type === "hardlink" && this.#written.tree.stat(this.#resolvedTarget(action))?.isDirectory())
          throw malformed("is a hard link to a directory", entry.name);
        break;
      case "xattr":
        if (this.isTolerable(error, attribute!, entry)) return "next";
        break;
      case "write":
        if (error < 0) break;
        this.#writeRest(action, error, chunk());
        return "next";
    }
    throw this.failure(action, step, error, attribute);
  }

  /** A disk that is almost full takes a part first. */
  #writeRest(action: Action, written: number, chunk: Buffer): void {
    const fd = this.#calls.file;
    try {
      for (let done = written; action.start + done < action.end; )
        done += writeSync(
          fd,
          chunk,
          action.start + done,
          action.end - action.start - done,
          action.position + done,
        );
    } catch (error) {
      throw this.failure(action, "write", (error as SystemError).errno ?? -5);
    }
  }

  #makeParent(action: Action): void {
    const { parent } = splitPath(action.path);
    const resolved = this.#written.makeDirectory(parent, action.entry);
    if (resolved !== parent) this.#calls.canonical.set(parent, resolved);
    const path = resolved === "" ? splitPath(action.path).base : `${resolved}/${splitPath(action.path).base}`;
    checkLimits(path, action.entry.name, this.#options.limits);
  }

  /** Something has the name already. */
  #replace(action: Action): Verdict {
    const { entry, resolved } = action;
    const stats = this.#written.tree.stat(resolved);
    if (!stats) return "again";
    if (this.#options.isFiles) checkKind(entry, stats, resolved);
    if (entry.type === "directory") {
      if (stats.isDirectory()) {
        if (!this.#options.isFiles) this.#clearXattrs(resolved, entry);
        return "next";
      }
      // In this layer it hides a directory below; the new one must go on doing so.
      action.opaque = true;
    }
    if (entry.type === "hardlink" && this.#isLinkTo(action, stats)) return "skip";
    this.#written.remove(resolved);
    return "again";
  }

  /** Attributes are replaced: what the entry does not have the directory has no more. */
  #clearXattrs(path: string, entry: TarEntry): void {
    using dir = this.#written.tree.open(path, howToRead);
    for (const name of listXattrs(dir)) {
      if (entry.xattrs?.has(name) || name === "security.selinux" || this.#written.target.isForbidden(name))
        continue;
      removeXattr(dir, name);
    }
  }

  #isLinkTo(action: Action, { dev, ino }: BigIntStats): boolean {
    const target = this.#written.tree.stat(this.#resolvedTarget(action));
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
    const resolved = this.#written.tree.resolve(parent, action.entry.name);
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
    const directory = this.#written.makeDirectory(parent, action.entry);
    const path = directory === "" ? base : `${directory}/${base}`;
    this.#written.remove(path);
    // A link to a link that has to wait is one to the same file: the other name may be gone by then.
    const target = this.#resolvedTarget(action);
    this.#written.links.add({ path, target: this.#written.links.targetOf(target) ?? target });
    return "skip";
  }

  /** Whether an entry can do without an attribute that it cannot have; it is warned of. @param error negative */
  isTolerable(error: number, name: string, entry: TarEntry): boolean {
    const isOrdinary = entry.type === "file" || entry.type === "directory";
    const tolerable =
      error === SIGNED_EOPNOTSUPP || (error === SIGNED_EPERM && name.startsWith("user.") && !isOrdinary);
    if (tolerable)
      this.#options.warn(`${entryText(entry.name)}: the attribute ${readable(name)}: ${errnoText(-error)}`);
    return tolerable;
  }

  /** The error of a step. @param error negative */
  failure(action: Action, step: Step, error: number, attribute?: string): Error {
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

/** @throws {RuntError} FailedPrecondition, in docker's words */
function checkKind({ type, name }: TarEntry, stats: BigIntStats, resolved: string): void {
  if (stats.isDirectory() === (type === "directory")) return;
  const path = readable(resolved);
  const what = stats.isDirectory()
    ? `cannot overwrite directory "/${path}" with non-directory ${entryText(name)}`
    : `cannot overwrite non-directory "/${path}" with directory ${entryText(name)}`;
  throw new RuntError("FailedPrecondition", what, { operation: "copy", path });
}
