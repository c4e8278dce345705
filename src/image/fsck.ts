/** Looks whether all stores are what they should be. */
import { lstatSync } from "node:fs";
import { messageOf } from "../errors.ts";
import type { ChainID } from "../spec/image/digest.ts";
import type { FsckOptions, FsckReport } from "./content/fsck.ts";
import { deleteTree, moveAside } from "./snapshot/aside.ts";
import type { Stores } from "./stores.ts";

/** One layer that is not as it should be. */
export interface LayerProblem {
  /** Its directory. */
  readonly path: string;
  /** One line. */
  readonly what: string;
  readonly repaired: boolean;
}

/** What was found. */
export interface StoresReport {
  readonly content: FsckReport;
  readonly layers: { readonly checked: number; readonly problems: readonly LayerProblem[] };
}

/** Checks every blob, every image and every layer. May run beside anything else. */
export async function checkStores(stores: Stores, options: FsckOptions = {}): Promise<StoresReport> {
  const content = await stores.content.fsck(options);
  const { snapshots } = stores;
  const found: { path: string; what: string }[] = [];
  const records = snapshots.list((path, error) => found.push({ path, what: messageOf(error) }));
  const sound = new Set<ChainID>(records.map(({ chainID }) => chainID));
  for (const { chainID, parent } of records) {
    const path = snapshots.layout.layer(chainID);
    if (parent !== undefined && !sound.has(parent) && !snapshots.has(parent)) {
      found.push({ path, what: `layer ${chainID}: the layer below, ${parent}, is not there` });
    } else if (!lstatSync(snapshots.diff(chainID), { throwIfNoEntry: false })?.isDirectory()) {
      found.push({ path, what: `layer ${chainID}: its files are not there` });
    }
  }
  const problems: LayerProblem[] = [];
  for (const { path, what } of found) {
    if (options.repair) {
      const aside = moveAside(path, snapshots.layout.aside);
      if (aside !== undefined) await deleteTree(aside);
    }
    problems.push({ path, what, repaired: options.repair ?? false });
  }
  return { content, layers: { checked: records.length, problems } };
}
