/** Garbage collection of layers. */
import { constants, existsSync, openSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Fd } from "../../linux/fd.ts";
import { tryLock } from "../../linux/flock.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { ChainID } from "../../spec/image/digest.ts";
import { isSameFile } from "./active.ts";
import { moveAside } from "./aside.ts";
import type { LayerRecord } from "./record.ts";
import type { SnapshotStore } from "./store.ts";
import { livingUses } from "./uses.ts";

/** What a collection took away. */
export interface Collected {
  readonly layers: readonly ChainID[];
  /** Of their files' content. */
  readonly bytes: number;
}

/** See `SnapshotStore.collect`. */
export function collectLayers(store: SnapshotStore, keep: Iterable<ChainID>): Collected {
  const { layout } = store;
  const records = new Map(store.list(() => {}).map((record) => [record.chainID, record]));
  const needed = closure(records, [...keep, ...livingUses(layout.uses).map(({ chainID }) => chainID)]);
  const unneeded = [...records.values()].filter(({ chainID }) => !needed.has(chainID));
  // Upper ones first: were we stopped, no layer would be left without those below it.
  for (const record of unneeded.sort((a, b) => depth(records, b) - depth(records, a))) {
    moveAside(layout.layer(record.chainID), layout.aside);
    rmSync(layout.link(record.chainID), { force: true });
  }
  collectAbandoned(store);
  return {
    layers: unneeded.map(({ chainID }) => chainID),
    bytes: unneeded.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** The layers of `roots` and all below them. */
function closure(records: ReadonlyMap<ChainID, LayerRecord>, roots: readonly ChainID[]): Set<ChainID> {
  const needed = new Set<ChainID>();
  for (const root of roots) {
    for (
      let id: ChainID | undefined = root;
      id !== undefined && !needed.has(id);
      id = records.get(id)?.parent
    ) {
      needed.add(id);
    }
  }
  return needed;
}

function depth(records: ReadonlyMap<ChainID, LayerRecord>, record: LayerRecord): number {
  let n = 0;
  for (let r: LayerRecord | undefined = record; r?.parent !== undefined; r = records.get(r.parent)) n++;
  return n;
}

/** Layers that nobody fills any more: their lock is free. */
function collectAbandoned({ layout }: SnapshotStore): void {
  for (const name of readdirSync(layout.active)) {
    const path = join(layout.active, name);
    let fd: Fd;
    try {
      fd = new Fd(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
    } catch (error) {
      if (hasCode(error, "ENOENT")) continue; // committed or given up just now
      throw error;
    }
    using lock = fd;
    // With the lock, the name may be another layer's try by now.
    if (tryLock(lock.n, path) && isSameFile(lock, path)) moveAside(path, layout.aside);
  }
  for (const name of readdirSync(layout.links)) {
    // A link whose layer went while we were stopped would be used again by the same layer: harmless, and litter.
    if (!existsSync(join(layout.links, name))) rmSync(join(layout.links, name), { force: true });
  }
}
