/**
 * Two things a layer can be written into: a directory of its own that OverlayFS stacks on others, where whiteouts and
 * opaque directories are written in the kernel's form; or a root file system that has the layers below in it already,
 * where they are carried out.
 * @see Documentation/filesystems/overlayfs.rst "whiteouts and opaque directories"
 */
import type { BigIntStats } from "node:fs";
import { constants } from "node:fs";
import { fchownat, mknodat } from "../../linux/at.ts";
import { setXattr } from "../../linux/xattr.ts";
import type { TarEntry } from "./entry.ts";
import { splitPath } from "./entry-name.ts";
import { howToRead, type LayerTree } from "./tree.ts";

/** What a target needs of the writer. */
export interface TargetContext {
  readonly tree: LayerTree;
  /** The directory without links on the way, made if need be. */
  makeDirectory(path: string, entry: TarEntry): string;
  /** Removes what is at `path`, except what `keep` wants. */
  remove(path: string, keep: (path: string) => boolean): void;
}

export interface LayerTarget {
  /** Carries out a whiteout of `path`. */
  whiteout(path: string, entry: TarEntry): void;
  /** Carries out that nothing of the layers below is in the directory `path`. */
  opaque(path: string, entry: TarEntry): void;
  /** Whether `stats` are those of a whiteout. */
  isWhiteout(stats: BigIntStats): boolean;
  /** An entry is at `path` now. */
  written(path: string): void;
  /** What says that a directory hides those below it; undefined where nothing is below. */
  readonly opaqueAttribute: string | undefined;
  /** Whether an attribute would change what OverlayFS makes of the file. */
  isForbidden(attribute: string): boolean;
  /** Paths that are hidden; something of this layer may have come there since. */
  readonly whiteouts: ReadonlySet<string>;
  /** Whether the root itself is opaque, which OverlayFS has no mark for. */
  readonly rootIsOpaque: boolean;
}

/** @see LayerTarget */
export class OverlayTarget implements LayerTarget {
  readonly #context: TargetContext;
  readonly #namespace: string;
  readonly opaqueAttribute: string;
  rootIsOpaque = false;
  readonly whiteouts = new Set<string>();

  constructor(context: TargetContext, { userXattr }: { userXattr: boolean }) {
    this.#context = context;
    this.#namespace = userXattr ? "user.overlay." : "trusted.overlay.";
    this.opaqueAttribute = `${this.#namespace}opaque`;
  }

  whiteout(path: string, entry: TarEntry): void {
    const { tree } = this.#context;
    const { parent, base } = splitPath(path);
    const directory = this.#context.makeDirectory(parent, entry);
    const resolved = directory === "" ? base : `${directory}/${base}`;
    const stats = tree.stat(resolved);
    // What this layer has there itself is not what is hidden; of a directory, all that is below it is.
    if (stats?.isDirectory()) {
      this.#mark(resolved);
      this.whiteouts.add(resolved);
      return;
    }
    if (stats) return;
    this.whiteouts.add(resolved);
    tree.at(resolved, (dir, name) => {
      mknodat(dir, name, constants.S_IFCHR, 0);
      fchownat(dir, name, entry.uid, entry.gid);
    });
  }

  opaque(path: string, entry: TarEntry): void {
    const resolved = this.#context.makeDirectory(path, entry);
    if (resolved === "") this.rootIsOpaque = true;
    else this.#mark(resolved);
  }

  #mark(path: string): void {
    using dir = this.#context.tree.open(path, howToRead);
    setXattr(dir, this.opaqueAttribute, Buffer.from("y"));
  }

  isWhiteout(stats: BigIntStats): boolean {
    return stats.isCharacterDevice() && stats.rdev === 0n;
  }

  written(): void {}

  isForbidden(attribute: string): boolean {
    return attribute.startsWith("trusted.") || attribute.startsWith(this.#namespace);
  }
}

/** @see LayerTarget */
export class FlatTarget implements LayerTarget {
  readonly #context: TargetContext;
  /** What this layer has written, and every directory above that: whiteouts do not mean it, wherever they stand. */
  readonly #written = new Set<string>();
  readonly opaqueAttribute = undefined;
  readonly rootIsOpaque = false;
  readonly whiteouts: ReadonlySet<string> = new Set();

  constructor(context: TargetContext) {
    this.#context = context;
  }

  whiteout(path: string, entry: TarEntry): void {
    const { tree } = this.#context;
    const { parent, base } = splitPath(path);
    const directory = tree.resolve(parent, entry.name);
    if (directory === undefined) return;
    this.#remove(directory === "" ? base : `${directory}/${base}`);
  }

  opaque(path: string, entry: TarEntry): void {
    const { tree } = this.#context;
    const resolved = tree.resolve(path, entry.name);
    if (resolved === undefined) return;
    for (const child of tree.children(resolved)) this.#remove(child);
  }

  #remove(path: string): void {
    this.#context.remove(path, (step) => this.#written.has(step));
  }

  isWhiteout(): boolean {
    return false;
  }

  written(path: string): void {
    for (let step = path; step !== "" && !this.#written.has(step); step = splitPath(step).parent)
      this.#written.add(step);
  }

  isForbidden(attribute: string): boolean {
    return attribute.startsWith("trusted.");
  }
}
