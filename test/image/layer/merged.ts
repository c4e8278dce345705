/** What OverlayFS shows of a stack of layers: run in a mount namespace of its own, prints the merged tree as JSON. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Tree, type TreeOptions, treeOf } from "../../support/tree.ts";

/** @param layers top to bottom */
export function mergedTree(layers: readonly string[], options: TreeOptions = {}): Tree {
  const args = ["--mount", "--propagation", "private", process.execPath, import.meta.filename];
  const out = execFileSync("unshare", [...args, options.times ?? "all", ...layers], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return JSON.parse(out) as Tree;
}

if (process.argv[1] === import.meta.filename) {
  const [times, ...layers] = process.argv.slice(2);
  const merged = mkdtempSync(join(tmpdir(), "runt-merged-"));
  const empty = mkdtempSync(join(tmpdir(), "runt-empty-"));
  try {
    // OverlayFS wants two layers at least, where none is to be written to.
    const lowerdir = [...layers, empty].join(":");
    execFileSync("mount", ["-t", "overlay", "overlay", "-o", `ro,lowerdir=${lowerdir}`, merged]);
    try {
      process.stdout.write(
        JSON.stringify(treeOf(merged, { times: times as NonNullable<TreeOptions["times"]> })),
      );
    } finally {
      execFileSync("umount", [merged]);
    }
  } finally {
    rmdirSync(merged);
    rmdirSync(empty);
  }
}
