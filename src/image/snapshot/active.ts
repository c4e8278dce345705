/** A layer while it is filled: one process has it, by the flock of its directory, and the others wait for what comes of it. */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { Fd } from "../../linux/fd.ts";
import { waitForLock } from "../../linux/flock.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { ChainID } from "../../spec/image/digest.ts";
import { deleteTree, moveAside } from "./aside.ts";
import type { SnapshotLayout } from "./layout.ts";
import { type LayerRecord, writeRecord } from "./record.ts";

/** Disposed of before it is committed, it is as if it had never been. */
export class ActiveLayer implements AsyncDisposable {
  readonly chainID: ChainID;
  /** Where the layer's files go. */
  readonly diff: string;
  readonly #layout: SnapshotLayout;
  readonly #directory: string;
  #lock: Fd | undefined;

  private constructor(layout: SnapshotLayout, chainID: ChainID, lock: Fd) {
    this.#layout = layout;
    this.chainID = chainID;
    this.#directory = layout.activeLayer(chainID);
    this.diff = join(this.#directory, "diff");
    this.#lock = lock;
  }

  /**
   * Waits until nobody else fills this layer.
   * @param isThere whether the layer is committed, which may have happened while we waited
   * @returns undefined if it is
   */
  static async claim(
    layout: SnapshotLayout,
    chainID: ChainID,
    isThere: () => boolean,
    signal?: AbortSignal,
  ): Promise<ActiveLayer | undefined> {
    for (;;) {
      if (isThere()) return undefined;
      const lock = await lockOf(layout.activeLayer(chainID), signal);
      if (lock === undefined) continue; // committed or given up while we waited
      const active = new ActiveLayer(layout, chainID, lock);
      try {
        if (isThere()) {
          await active[Symbol.asyncDispose]();
          return undefined;
        }
        await active.restart();
        return active;
      } catch (error) {
        active.#release();
        throw error;
      }
    }
  }

  /** Makes `diff` an empty directory: what is in it, from a process that died or an earlier try, goes. */
  async restart(): Promise<void> {
    const old = moveAside(this.diff, this.#layout.aside);
    if (old !== undefined) await deleteTree(old);
    // A directory that no layer says anything about, the top one mostly, is like any other directory of root's.
    mkdirSync(this.diff, { mode: 0o755 });
  }

  /** Makes it a layer for good. Its data must be on disk: see `SnapshotStore.commit`. */
  publish(record: LayerRecord): void {
    writeRecord(this.#directory, record);
    const target = this.#layout.layer(this.chainID);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    makeLink(this.#layout.link(this.chainID), join(target, basename(this.diff)));
    renameSync(this.#directory, target);
    this.#release();
  }

  #release(): void {
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#lock) return;
    try {
      const aside = moveAside(this.#directory, this.#layout.aside);
      // Whoever waits may begin anew while we delete.
      this.#release();
      if (aside !== undefined) await deleteTree(aside);
    } finally {
      this.#release();
    }
  }
}

/**
 * The lock of the directory `path`, which is made if need be.
 * @returns undefined where it has another name by the time that we have the lock
 */
async function lockOf(path: string, signal: AbortSignal | undefined): Promise<Fd | undefined> {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  let n: number;
  try {
    n = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  const fd = new Fd(n);
  try {
    await waitForLock(fd.n, path, signal);
    if (isSameFile(fd, path)) return fd;
  } catch (error) {
    closeSync(fd.release());
    throw error;
  }
  fd[Symbol.dispose]();
  return undefined;
}

/** Whether `path` still names what `fd` is. */
export function isSameFile(fd: Fd, path: string): boolean {
  const now = statSync(path, { throwIfNoEntry: false });
  const ours = fstatSync(fd.n);
  return now?.ino === ours.ino && now.dev === ours.dev;
}

/** Twelve digits of two layers may be the same ones: then the second goes without, which is only longer. */
function makeLink(link: string, target: string): void {
  try {
    symlinkSync(relative(dirname(link), target), link);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
}
