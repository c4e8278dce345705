/** A stack of layers as OverlayFS shows it, without mounting it. */
import type { BigIntStats } from "node:fs";
import { getXattr } from "../../linux/xattr.ts";
import { howToRead, type LayerTree } from "./tree.ts";

/** Something in one of the layers. */
export interface Found {
  readonly tree: LayerTree;
  readonly path: string;
  readonly stats: BigIntStats;
}

/** The attribute that says that a directory hides those below it. */
export function opaqueMark(userXattr: boolean): string {
  return userXattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
}

/** A character device 0:0 is how OverlayFS writes "nothing is here". */
export function isWhiteoutDevice(stats: BigIntStats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0n;
}

/** Whether a directory hides those below it, in either namespace. */
export function isOpaque(tree: LayerTree, path: string): boolean {
  using dir = tree.open(path, howToRead);
  return [false, true].some((userXattr) => getXattr(dir, opaqueMark(userXattr))?.toString("latin1") === "y");
}

export class LowerLayers {
  readonly #trees: readonly LayerTree[];

  /** @param trees top to bottom */
  constructor(trees: readonly LayerTree[]) {
    this.#trees = trees;
  }

  /** The topmost thing at `path`; undefined where there is none, or a whiteout. No link on the way is followed. */
  find(path: string): Found | undefined {
    for (const tree of this.#trees) {
      const found = look(tree, path);
      if (found === "hidden") return undefined;
      if (found) return { tree, path, stats: found };
    }
    return undefined;
  }

  /** Whether nothing below these layers shows in the directory `path`. */
  hides(path: string): boolean {
    return this.#trees.some((tree) => {
      const steps = stepsOf(path).map((step) => ({ step, stats: tree.stat(step) }));
      return steps.some(({ step, stats }) => stats && (!stats.isDirectory() || isOpaque(tree, step)));
    });
  }

  /** Names in the roots, whiteouts left out. */
  namesInRoot(): Set<string> {
    const names = this.#trees.flatMap((tree) =>
      tree.children("").filter((name) => look(tree, name) !== "hidden"),
    );
    return new Set(names);
  }
}

/** "hidden": not there, and nothing below this layer is to be seen there either. */
function look(tree: LayerTree, path: string): BigIntStats | "hidden" | undefined {
  let hides = false;
  for (const step of stepsOf(path)) {
    const stats = tree.stat(step);
    if (!stats) return hides ? "hidden" : undefined;
    if (isWhiteoutDevice(stats)) return "hidden";
    if (step === path) return stats;
    if (!stats.isDirectory()) return "hidden";
    hides ||= isOpaque(tree, step);
  }
  return undefined;
}

/** "a/b/c": "a", "a/b", "a/b/c". */
function stepsOf(path: string): string[] {
  if (path === "") return [];
  const components = path.split("/");
  return components.map((_, i) => components.slice(0, i + 1).join("/"));
}
