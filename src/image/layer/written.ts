/**
 * A directory that a layer is written into, and what is to be known of it that it does not say itself: times that come
 * last, directories that no entry describes, links that wait for a layer below.
 */
import type { Fd } from "../../linux/fd.ts";
import { setXattr } from "../../linux/xattr.ts";
import type { Action } from "./action.ts";
import { DeferredLinks } from "./deferred-links.ts";
import type { TarEntry } from "./entry.ts";
import type { EntryTimes } from "./entry-calls.ts";
import type { LayerLimits } from "./limits.ts";
import { FlatTarget, type LayerTarget, OverlayTarget, type TargetContext } from "./target.ts";
import { howToRead, LayerTree } from "./tree.ts";

export interface WrittenOptions {
  readonly target: "overlay" | "flat";
  readonly userXattr: boolean;
  readonly limits: LayerLimits;
  /** Something was removed: what is known of directories by their names, and which are open, counts no more. */
  readonly removed: () => void;
}

export class WrittenTree implements TargetContext {
  readonly tree: LayerTree;
  readonly target: LayerTarget;
  /** Path → times that it is to have, when nothing more comes into it. */
  readonly directoryTimes = new Map<string, EntryTimes>();
  /** Directories that no entry describes, whose attributes are those of the layers below. */
  readonly implicit = new Set<string>();
  readonly links = new DeferredLinks();
  readonly #removed: () => void;

  /** @param root stays the caller's */
  constructor(root: Fd, options: WrittenOptions) {
    this.tree = new LayerTree(root, options.limits);
    this.target = options.target === "overlay" ? new OverlayTarget(this, options) : new FlatTarget(this);
    this.#removed = options.removed;
  }

  /** An action has been carried out. */
  completed({ kind, entry, resolved }: Action): void {
    if (kind !== "begin") return;
    if (entry.type === "directory") {
      const { atimeS, atimeNs, mtimeS, mtimeNs } = entry;
      this.directoryTimes.set(resolved, { atimeS, atimeNs, mtimeS, mtimeNs });
      this.implicit.delete(resolved);
    }
    this.links.forget(resolved);
    this.target.written(resolved);
  }

  /** The directory without links on the way, made if need be. */
  makeDirectory(path: string, entry: TarEntry): string {
    const afterWhiteout = new Set<string>();
    return this.tree.makeDirectories(path, entry.name, {
      blocked: (step, stats) => {
        if (!this.target.isWhiteout(stats)) return false;
        this.remove(step);
        afterWhiteout.add(step);
        return true;
      },
      made: (step) => {
        this.target.written(step);
        if (!afterWhiteout.has(step)) this.implicit.add(step);
        else {
          using dir = this.tree.open(step, howToRead);
          setXattr(dir, this.target.opaqueAttribute!, Buffer.from("y"));
        }
      },
    });
  }

  /** Removes what is at `path`, except what `keep` wants, and what is known of it. */
  remove(path: string, keep?: (path: string) => boolean): void {
    this.tree.remove(path, {
      ...(keep && { keep }),
      removed: (gone) => {
        this.directoryTimes.delete(gone);
        this.implicit.delete(gone);
        this.links.forgetIn(gone);
      },
    });
    this.#removed();
  }
}
