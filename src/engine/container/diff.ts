/** `diff`: what a container has changed of its image, from its own layer and the kernel's marks in it. */
import { type BigIntStats, constants, openSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { defaultLimits } from "../../image/layer/limits.ts";
import { isOpaque, isWhiteoutDevice, LowerLayers } from "../../image/layer/lower-layers.ts";
import { LayerTree } from "../../image/layer/tree.ts";
import { readable } from "../../linux/at.ts";
import { Fd } from "../../linux/fd.ts";
import { O_PATH } from "../../linux/openat2.ts";
import type { EngineContext } from "../context.ts";
import { findRecord } from "./find.ts";

export interface FileChange {
  /** Docker's letters: added, changed, deleted. */
  readonly kind: "A" | "C" | "D";
  /** Absolute. */
  readonly path: string;
}

/**
 * The changes, in the order of their paths. A directory in which something has changed has changed.
 * @throws {RuntError} NotFound; FailedPrecondition for a container without an image
 */
export async function containerChanges(context: EngineContext, text: string): Promise<FileChange[]> {
  const { id, name, request, definition } = findRecord(context, text, "diff");
  if (request.rootfs !== undefined) {
    throw new RuntError(
      "FailedPrecondition",
      "its root file system is a directory: nobody knows what was in it",
      {
        operation: "diff",
        subject: `container ${name}`,
      },
    );
  }
  const snapshots = await context.snapshots();
  const writable = snapshots.writable({ directory: context.layout.container(id) });
  const lowers =
    definition.owners === "stored"
      ? [(await import("../user-namespace/copied-layers.ts")).copiedLayers(writable)]
      : [writable.init, ...snapshots.lowers(definition.image?.top)];
  return changesOf(writable.upper, lowers).filter(
    ({ kind, path }) => !(kind === "A" && ownMountPoints.has(path)),
  );
}

/** What is made where an image has no place for what every container has. */
const ownMountPoints = new Set(["/dev", "/proc", "/sys"]);

/** What the upper directory of an overlay makes of the lower ones, top to bottom. */
export function changesOf(upper: string, lowers: readonly string[]): FileChange[] {
  using stack = new DisposableStack();
  const open = (path: string) =>
    new LayerTree(
      stack.use(new Fd(openSync(path, constants.O_DIRECTORY | constants.O_NOFOLLOW | O_PATH))),
      defaultLimits,
    );
  const changes = new Comparison(open(upper), lowers.map(open)).all();
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

class Comparison {
  readonly #upper: LayerTree;
  readonly #trees: readonly LayerTree[];
  readonly #lower: LowerLayers;
  readonly #changes: FileChange[] = [];

  constructor(upper: LayerTree, lowers: readonly LayerTree[]) {
    this.#upper = upper;
    this.#trees = lowers;
    this.#lower = new LowerLayers(lowers);
  }

  all(): FileChange[] {
    this.#inside("");
    return this.#changes;
  }

  #add(kind: FileChange["kind"], path: string): void {
    this.#changes.push({ kind, path: `/${readable(path)}` });
  }

  /** The changes in a directory of the upper tree. */
  #inside(path: string): void {
    const children = this.#upper.children(path);
    for (const child of children) {
      const stats = this.#upper.stat(child);
      if (stats) this.#one(child, stats);
    }
    // An opaque directory hides what was in the one below.
    if (path !== "" && isOpaque(this.#upper, path)) this.#deleted(path, new Set(children));
  }

  #one(path: string, stats: BigIntStats): void {
    const before = this.#lower.find(path)?.stats;
    if (isWhiteoutDevice(stats)) {
      if (before) this.#add("D", path);
      return;
    }
    const earlier = this.#changes.length;
    if (stats.isDirectory()) this.#inside(path);
    else if (before?.isDirectory()) this.#deleted(path, new Set());
    if (!before) this.#add("A", path);
    // A file that was only copied up, to be opened for writing, is what it was.
    else if (this.#changes.length > earlier || isDifferent(before, stats)) this.#add("C", path);
  }

  /** What was in the directory below and is not any more, but for `kept`. */
  #deleted(path: string, kept: ReadonlySet<string>): void {
    const names = this.#trees.flatMap((tree) => (tree.stat(path)?.isDirectory() ? tree.children(path) : []));
    for (const child of new Set(names))
      if (!kept.has(child) && this.#lower.find(child)) this.#add("D", child);
  }
}

/** Of a directory the times are those of what is in it. */
function isDifferent(before: BigIntStats, after: BigIntStats): boolean {
  if (before.mode !== after.mode || before.uid !== after.uid || before.gid !== after.gid) return true;
  if (after.isDirectory()) return false;
  return before.rdev !== after.rdev || before.size !== after.size || before.mtimeNs !== after.mtimeNs;
}
