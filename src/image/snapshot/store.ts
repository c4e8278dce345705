/** Layers on disk, each by its chainID: filled once, committed by rename, mounted by any number of containers. */
import { lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import { syncfs } from "../../linux/sync.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { ChainID, DiffID } from "../../spec/image/digest.ts";
import { ActiveLayer } from "./active.ts";
import { deleteTree, moveAside, refuseMounts } from "./aside.ts";
import { type Collected, collectLayers } from "./collect.ts";
import { defaultInitFiles, type InitFiles, sharedInitLayer } from "./init-layer.ts";
import { SnapshotLayout } from "./layout.ts";
import { type OverlayLower, overlayMount, type SnapshotMount } from "./overlay.ts";
import { type LayerRecord, readRecord } from "./record.ts";
import { type Usage, usageOf } from "./usage.ts";
import { dropUse, type LayerUse, livingUses, noteUse, type RemovedImage } from "./uses.ts";
import { makeWritableLayer, type WritableLayer, writableLayer, writableParts } from "./writable.ts";

/** A filled layer that may become one of the store. */
export interface FilledLayer {
  readonly active: ActiveLayer;
  readonly diffID: DiffID;
  readonly parent: ChainID | undefined;
  /** Of its files' content. */
  readonly bytes: number;
  readonly entries: number;
}

export interface SnapshotStoreOptions {
  /**
   * Whether whiteouts are `user.overlay.*` attributes: where we are an ordinary user, or root of a user namespace.
   * A store is filled in one form and mounted in the same.
   */
  readonly userXattr: boolean;
}

export class SnapshotStore {
  readonly layout: SnapshotLayout;
  readonly userXattr: boolean;

  private constructor(layout: SnapshotLayout, { userXattr }: SnapshotStoreOptions) {
    this.layout = layout;
    this.userXattr = userXattr;
  }

  /** Opens the store in the directory `root`, which is made if need be. */
  static open(root: string, options: SnapshotStoreOptions): SnapshotStore {
    const layout = new SnapshotLayout(root);
    layout.make();
    return new SnapshotStore(layout, options);
  }

  /** The record of a committed layer. @throws {RuntError} Internal where it is damaged */
  stat(chainID: ChainID): LayerRecord | undefined {
    return readRecord(this.layout.layer(chainID));
  }

  has(chainID: ChainID): boolean {
    return this.stat(chainID) !== undefined;
  }

  /** Every committed layer, in no order. @param damaged is told of the others */
  list(damaged?: (directory: string, error: unknown) => void): LayerRecord[] {
    const records: LayerRecord[] = [];
    for (const algorithm of readdirSync(this.layout.layers)) {
      for (const hex of readdirSync(join(this.layout.layers, algorithm))) {
        const directory = join(this.layout.layers, algorithm, hex);
        try {
          const record = readRecord(directory);
          if (record) records.push(record);
          else if (lstatSync(directory, { throwIfNoEntry: false }))
            throw new Error(`${directory}: no record`);
        } catch (error) {
          if (!damaged) throw error;
          damaged(directory, error);
        }
      }
    }
    return records;
  }

  /**
   * An empty directory to fill as layer `chainID`. While another process fills the same one, this waits.
   * @returns "present" where the layer is there already, or has been made meanwhile
   * @throws the signal's reason
   */
  async prepare(chainID: ChainID, signal?: AbortSignal): Promise<ActiveLayer | "present"> {
    return (await ActiveLayer.claim(this.layout, chainID, () => this.has(chainID), signal)) ?? "present";
  }

  /**
   * Makes filled layers part of the store, lower ones first. Their data is on disk before their names are: after a
   * power failure a layer is whole or is not there.
   * @throws {RuntError} FailedPrecondition for a layer whose parent is not there
   */
  async commit(layers: readonly FilledLayer[]): Promise<void> {
    if (layers.length === 0) return;
    await syncfs(this.layout.active);
    for (const { active, diffID, parent, bytes, entries } of layers) {
      if (parent !== undefined && !this.has(parent)) {
        const site = { operation: "snapshot", subject: `layer ${active.chainID}` };
        throw new RuntError("FailedPrecondition", `the layer below, ${parent}, is not there`, site);
      }
      const created = new Date().toISOString();
      active.publish({ chainID: active.chainID, diffID, ...(parent && { parent }), bytes, entries, created });
    }
  }

  /** The layers of a stack, top to bottom. @throws {RuntError} NotFound where one is missing */
  chain(top: ChainID | undefined): LayerRecord[] {
    const chain: LayerRecord[] = [];
    for (let id = top; id !== undefined; id = chain.at(-1)!.parent) {
      const record = this.stat(id);
      if (!record) {
        const site = { operation: "snapshot", subject: `layer ${id}`, hint: "pull the image again" };
        throw new RuntError("NotFound", `layer ${id} is not there`, site);
      }
      chain.push(record);
    }
    return chain;
  }

  /** The directory with a committed layer's files. */
  diff(chainID: ChainID): string {
    return join(this.layout.layer(chainID), "diff");
  }

  /** The directories of a stack, top to bottom. @throws {RuntError} NotFound where one is missing */
  lowers(top: ChainID | undefined): string[] {
    return this.chain(top).map(({ chainID }) => this.diff(chainID));
  }

  /**
   * The mount of an image's layers, with a container's own on top if there are any.
   * @param top or what `chain` has made of it; undefined for an image without layers, which then needs `writable`
   * @throws {RuntError} NotFound where a layer is missing; FailedPrecondition where this kernel cannot mount so many
   */
  mounts(
    top: ChainID | undefined | readonly LayerRecord[],
    options: {
      writable?: WritableLayer;
      access: "rw" | "ro";
      /** See `OverlayStack`; with `access: "rw"`. */
      volatile?: boolean;
      destination?: string;
      kernel?: string;
    },
  ): SnapshotMount[] {
    const { writable, access, volatile = false, destination = "/", kernel } = options;
    const chain = typeof top === "object" ? top : this.chain(top);
    const image = chain.map(({ chainID }) => this.#lower(chainID));
    const lowers = [...(writable ? [{ path: writable.init }] : []), ...image];
    const top2 = access === "ro" && writable ? [{ path: writable.upper }] : [];
    return [
      overlayMount(
        {
          lowers: [...top2, ...lowers],
          ...(access === "rw" && writable && { writable }),
          volatile,
          userXattr: this.userXattr,
        },
        destination,
        kernel,
      ),
    ];
  }

  #lower(chainID: ChainID): OverlayLower {
    const path = this.diff(chainID);
    const link = this.layout.link(chainID);
    const { links } = this.layout;
    return {
      path,
      // Looked at only where there are too many layers for their paths.
      get link() {
        try {
          return join(links, readlinkSync(link)) === path ? link : undefined;
        } catch (error) {
          if (hasCode(error, "ENOENT")) return undefined;
          throw error;
        }
      },
    };
  }

  /**
   * Makes the layers of a container on top of `top`, which stays in the store as long as the directory does.
   * @param where made if need be, and absolute; or one of the store's own, by `name`
   * @param files of an init layer of its own; by default it shares one with all containers on top of `top`
   * @throws EEXIST where there are such layers
   */
  createWritable(
    top: ChainID | undefined,
    where: { readonly name: string } | { readonly directory: string },
    files?: InitFiles,
  ): WritableLayer {
    const lowers = this.lowers(top);
    const directory = this.#directoryOf(where);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (top !== undefined) noteUse(this.layout.uses, { path: directory, chainID: top });
    const isShared = top !== undefined && files === undefined;
    const init = isShared
      ? sharedInitLayer(this.layout.layer(top), lowers)
      : { lowers, files: files ?? defaultInitFiles };
    return makeWritableLayer(directory, init);
  }

  /** Layers that `createWritable` made. */
  writable(where: { readonly name: string } | { readonly directory: string }): WritableLayer {
    return writableLayer(this.#directoryOf(where));
  }

  #directoryOf(where: { readonly name: string } | { readonly directory: string }): string {
    return "name" in where ? join(this.layout.writable, where.name) : where.directory;
  }

  /** What a container has written. Its directories are free, as for docker: some of them were made to mount on. */
  usage(writable: WritableLayer, signal?: AbortSignal): Promise<Usage> {
    return usageOf(writable.upper, { directories: "free", signal });
  }

  /**
   * Takes a container's layers away.
   * @throws {RuntError} FailedPrecondition where something is mounted in them
   */
  async removeWritable(where: { readonly name: string } | { readonly directory: string }): Promise<void> {
    const directory = this.#directoryOf(where);
    refuseMounts(directory);
    if ("name" in where) {
      const aside = moveAside(directory, this.layout.aside);
      dropUse(this.layout.uses, directory);
      if (aside !== undefined) await deleteTree(aside);
      return;
    }
    // Perhaps on another file system, and beside files of others.
    for (const path of writableParts(directory)) await deleteTree(path);
    dropUse(this.layout.uses, directory);
  }

  /**
   * Takes a layer away.
   * @throws {RuntError} FailedPrecondition where something is mounted in it
   */
  async remove(chainID: ChainID): Promise<void> {
    const directory = this.layout.layer(chainID);
    refuseMounts(directory);
    const aside = moveAside(directory, this.layout.aside);
    rmSync(this.layout.link(chainID), { force: true });
    if (aside !== undefined) await deleteTree(aside);
  }

  /**
   * Puts aside every layer that is neither in `keep`, nor below one of those, nor used by a directory that exists;
   * and what processes that died have left. The caller sees to it that nobody comes to rely on a layer meanwhile,
   * and calls `emptyAside` afterwards.
   */
  collect(keep: Iterable<ChainID>): Collected {
    return collectLayers(this, keep);
  }

  /** Deletes what was put aside, by whomever. */
  async emptyAside(): Promise<void> {
    for (const name of readdirSync(this.layout.aside)) await deleteTree(join(this.layout.aside, name));
  }

  /**
   * Notes for all directories that need this layer that they may need that image, too. The caller sees to it that nobody
   * else does so meanwhile.
   */
  keepImage(top: ChainID, { id, layers }: RemovedImage): void {
    for (const use of this.uses()) {
      const { chainID, removed = [] } = use;
      if (chainID !== top || removed.some((image) => image.id === id)) continue;
      noteUse(this.layout.uses, { ...use, removed: [...removed, { id, layers }] });
    }
  }

  /** Directories that need a layer, with the layer. */
  uses(): LayerUse[] {
    return livingUses(this.layout.uses);
  }
}
