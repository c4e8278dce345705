/**
 * What a layer needs of those below it, done when they are there: attributes of directories that it only passes
 * through, hard links to files it does not have, and a root that hides all of theirs. Layers are applied at the same
 * time and settled one after the other, bottom first.
 */
import { constants, openSync } from "node:fs";
import {
  AT_REMOVEDIR,
  fchownat,
  linkat,
  lstatAt,
  mkdirat,
  mknodat,
  readable,
  unlinkat,
  utimensat,
} from "../../linux/at.ts";
import { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import { SystemError } from "../../linux/system-error.ts";
import { setXattr } from "../../linux/xattr.ts";
import type { AppliedLayer } from "./apply.ts";
import { copyAttributes, copyNode, timesOf } from "./copy-up.ts";
import type { DeferredLink } from "./deferred-links.ts";
import { splitPath } from "./entry-name.ts";
import { defaultLimits } from "./limits.ts";
import { type Found, isWhiteoutDevice, LowerLayers, opaqueMark } from "./lower-layers.ts";
import { malformed } from "./malformed.ts";
import { howToRead, LayerTree } from "./tree.ts";
import { writeFailure } from "./write-failure.ts";

/**
 * @param dir where `applyLayer` wrote the layer for OverlayFS
 * @param applied what it returned
 * @param lowers directories of the layers below, settled, top to bottom
 * @throws {RuntError} InvalidArgument where a link's target is in no layer; FailedPrecondition for a full disk
 */
export function settleLayer(dir: string, applied: AppliedLayer, lowers: readonly string[]): void {
  const { deferredLinks, implicitParents, whiteouts, rootIsOpaque, userXattr } = applied;
  if (deferredLinks.length + implicitParents.length + whiteouts.length === 0 && !rootIsOpaque) return;
  using stack = new DisposableStack();
  const open = (path: string): LayerTree => {
    const root = stack.use(new Fd(openSync(path, constants.O_DIRECTORY | constants.O_NOFOLLOW | O_PATH)));
    return new LayerTree(root, defaultLimits);
  };
  const tree = open(dir);
  const below = new LowerLayers(lowers.map(open));
  try {
    if (rootIsOpaque) hideAll(tree, below, userXattr);
    const settler = new Settler(tree, below, applied);
    for (const path of whiteouts) settler.keepIfItHides(path);
    for (const link of deferredLinks) settler.link(link);
    const hidden = new Set(whiteouts);
    // One that was hidden as a whole and is there all the same is a new one.
    for (const path of implicitParents) if (!hidden.has(path)) settler.describe(path);
    // Deepest first: one may be empty once the other is gone.
    for (const path of [...implicitParents].reverse()) settler.keepIfItIsNeeded(path);
    for (const path of [...implicitParents].reverse()) if (hidden.has(path)) settler.hideIfItIsEmpty(path);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const { syscall, path = "", errno } = error;
    throw writeFailure(-errno, { syscall, path, subject: "a layer's links and directories" });
  }
}

/** OverlayFS stacks roots whatever they say: everything in theirs is hidden by its own name. */
function hideAll(tree: LayerTree, below: LowerLayers, userXattr: boolean): void {
  for (const name of below.namesInRoot()) {
    const own = tree.stat(name);
    if (!own) {
      mknodat(tree.root, name, constants.S_IFCHR, 0);
    } else if (own.isDirectory()) {
      using directory = tree.open(name, howToRead);
      setXattr(directory, opaqueMark(userXattr), Buffer.from("y"));
    }
  }
}

class Settler {
  readonly #tree: LayerTree;
  readonly #below: LowerLayers;
  readonly #rootIsOpaque: boolean;
  /** Where whiteouts were. */
  readonly #hidden: ReadonlySet<string>;
  /** Paths that were made here. */
  readonly #made = new Set<string>();
  /** Files of layers below that could not keep their name → the first of the names they have here. */
  readonly #copies = new Map<string, string>();

  constructor(tree: LayerTree, below: LowerLayers, { rootIsOpaque, whiteouts }: AppliedLayer) {
    this.#tree = tree;
    this.#below = below;
    this.#rootIsOpaque = rootIsOpaque;
    this.#hidden = new Set(whiteouts);
  }

  /** What is at `path` in the layers below and to be seen through this one. */
  #find(path: string): Found | undefined {
    return this.#isHidden(path) ? undefined : this.#below.find(path);
  }

  /** Whether this layer hides whatever is in the directory of `path`. */
  #isHidden(path: string): boolean {
    if (this.#rootIsOpaque || new LowerLayers([this.#tree]).hides(splitPath(path).parent)) return true;
    // Something that waits to be made may have taken the place of a whiteout.
    for (let step = splitPath(path).parent; step !== ""; step = splitPath(step).parent)
      if (this.#hidden.has(step)) return true;
    return false;
  }

  /**
   * In a directory that no other layer has, OverlayFS lists a whiteout as if it were a file, and then there is none of
   * that name: so a whiteout of nothing goes.
   */
  keepIfItHides(path: string): void {
    const own = this.#tree.stat(path);
    if (!own || !isWhiteoutDevice(own) || this.#find(path)) return;
    this.#change(splitPath(path).parent, (dir) => unlinkat(dir, splitPath(path).base));
  }

  /** A directory that was made for a whiteout of nothing, or to be opaque where there is nothing to hide, goes too. */
  keepIfItIsNeeded(path: string): void {
    if (!this.#tree.stat(path)?.isDirectory() || this.#find(path) || this.#tree.children(path).length > 0)
      return;
    this.#change(splitPath(path).parent, (dir) => unlinkat(dir, splitPath(path).base, AT_REMOVEDIR));
  }

  /** A directory that only whiteouts have asked for, and that one of them hides as a whole. */
  hideIfItIsEmpty(path: string): void {
    if (!this.#tree.stat(path)?.isDirectory() || this.#tree.children(path).length > 0) return;
    const { parent, base } = splitPath(path);
    const hides = this.#find(path) !== undefined;
    this.#change(parent, (dir) => {
      unlinkat(dir, base, AT_REMOVEDIR);
      if (hides) mknodat(dir, base, constants.S_IFCHR, 0);
    });
  }

  /** Gives a directory the attributes it has below. */
  describe(path: string): void {
    const found = this.#find(path);
    // Something else is there, or nothing: this directory is a new one.
    if (!found?.stats.isDirectory() || !this.#tree.stat(path)?.isDirectory()) return;
    found.tree.at(path, (from, fromName) =>
      this.#tree.at(path, (to, toName) => copyAttributes(from, fromName, to, toName, found.stats)),
    );
  }

  /** Makes a hard link whose target was not there when its turn came. */
  link({ path, target }: DeferredLink): void {
    // By way of another link to the same file: it has this name already.
    if (path === target) return;
    const own = this.#tree.stat(target);
    const found = this.#below.find(target);
    const source = found?.stats.isDirectory() ? undefined : found;
    if (source && (own ? !this.#made.has(target) : this.#isHidden(target))) {
      // What the layer has there, a whiteout or a file of its own, came after the link: the one below was meant, which
      // has no name in this layer but those of its links.
      const copy = this.#copies.get(target);
      if (copy === undefined) this.#create(path, (to, name) => copyNode(source, to, name));
      else this.#link(copy, path);
      this.#copies.set(target, copy ?? path);
      return;
    }
    // The last: a link in the place of the directory that its target is in.
    if ((own && (isWhiteoutDevice(own) || own.isDirectory())) || target.startsWith(`${path}/`))
      throw notThere(path, target);
    if (!own) {
      if (!source) throw notThere(path, target);
      this.#makeDirectories(splitPath(target).parent);
      this.#create(target, (to, name) => copyNode(source, to, name));
    }
    this.#link(target, path);
  }

  #link(target: string, path: string): void {
    this.#create(path, (to, name) =>
      this.#tree.at(target, (from, fromName) => linkat(from, fromName, to, name)),
    );
  }

  /** Makes `path`, in the place of a whiteout or of what was made here before. */
  #create(path: string, make: (dir: Fd, name: string) => void): void {
    const { parent, base } = splitPath(path);
    this.#change(parent, (dir) => {
      const there = lstatAt(dir, base);
      if (there && !isWhiteoutDevice(there) && !this.#made.has(path))
        throw malformed("is a hard link where something else is", path);
      if (there) this.#tree.remove(path);
      make(dir, base);
      this.#made.add(path);
    });
  }

  /** Works on a directory and leaves it as old as it was. */
  #change(path: string, work: (dir: Fd) => void): void {
    using dir = this.#tree.open(path, howToRead);
    const before = lstatAt(dir, "")!;
    work(dir);
    const { atime, mtime } = timesOf(before);
    utimensat(dir, "", atime, mtime);
  }

  #makeDirectories(path: string): void {
    if (path === "" || this.#tree.stat(path)) return;
    const { parent } = splitPath(path);
    this.#makeDirectories(parent);
    this.#create(path, (dir, name) => {
      mkdirat(dir, name, 0o700);
      fchownat(dir, name, 0, 0);
    });
    this.describe(path);
  }
}

function notThere(path: string, target: string): Error {
  return malformed(`is a hard link to ${JSON.stringify(readable(target))}, which is in no layer`, path);
}
