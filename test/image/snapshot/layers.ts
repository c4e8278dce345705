/** Layers for tests: directories with a few files, committed as if they had been unpacked. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SnapshotStore } from "../../../src/image/snapshot/store.ts";
import { type ChainID, chainIDs, type DiffID, digestOf } from "../../../src/spec/image/digest.ts";

/** A directory of its own, gone at the end. */
export function temporaryDirectory(prefix = "runt-image-"): AsyncDisposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), prefix));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A store below `directory`. */
export function aStore(directory: { readonly path: string }): SnapshotStore {
  return SnapshotStore.open(join(directory.path, "snapshots"), { userXattr: false });
}

/** What a layer adds: a text is a file, null a directory. */
export type Tree = Readonly<Record<string, string | null>>;

/** Writes a tree into a directory. */
export function writeTree(directory: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    const target = join(directory, path);
    mkdirSync(content === null ? target : dirname(target), { recursive: true });
    if (content !== null) writeFileSync(target, content);
  }
  chmodSync(directory, 0o755);
}

/** Any diffID. */
export function aDiffID(seed: string = randomBytes(8).toString("hex")): DiffID {
  return digestOf(seed) as string as DiffID;
}

/** Commits `trees`, bottom first. @returns their chainIDs */
export async function commitLayers(
  store: SnapshotStore,
  trees: readonly Tree[],
  seed?: string,
): Promise<ChainID[]> {
  const diffIDs = trees.map((_, i) => aDiffID(seed && `${seed}${i}`));
  const chain = chainIDs(diffIDs);
  for (const [i, tree] of trees.entries()) {
    const active = await store.prepare(chain[i]!);
    if (active === "present") continue;
    writeTree(active.diff, tree);
    await store.commit([
      { active, diffID: diffIDs[i]!, parent: chain[i - 1], bytes: 10 * (i + 1), entries: 1 },
    ]);
  }
  return chain;
}
