/** A real root file system, file by file as umoci unpacks it, and back into an archive that says the same. */
import { execFileSync } from "node:child_process";
import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect } from "vitest";
import { applyLayer } from "../../../src/image/layer/apply.ts";
import { compressLayer } from "../../../src/image/layer/compress.ts";
import { packLayer } from "../../../src/image/layer/pack.ts";
import { LayerThreads } from "../../../src/image/layer/threads.ts";
import { missing, needs } from "../../support/needs.ts";
import { differences, type Tree, treeOf } from "../../support/tree.ts";
import { umociUnpack } from "./umoci.ts";
import { overlay, Scratch } from "./unpack.ts";

const wanted = ["root", "program:debootstrap", "program:setfattr"];
const withDebian = needs(...wanted);
const withUmoci = needs(...wanted, "program:umoci");

let tar = "";
beforeAll(() => {
  if (missing(...wanted)) return;
  const script = join(import.meta.dirname, "../../support/debian-rootfs");
  tar = execFileSync(script, { encoding: "utf8" }).trim();
}, 600_000);

/** All but the root, which is the directory that was given. */
function contents(dir: string): Tree {
  const tree = treeOf(dir);
  delete tree[""];
  return tree;
}

describe("a Debian root file system", () => {
  withUmoci(
    "is the same as umoci unpacks it: types, modes, owners, attributes, times, links",
    async () => {
      using scratch = new Scratch();
      await applyLayer(createReadStream(tar), { ...overlay, dir: scratch.layer });
      const { root, error } = umociUnpack(scratch.directory("umoci"), [tar]);
      expect(error).toBeUndefined();
      const ours = contents(scratch.layer);
      expect(Object.keys(ours).length).toBeGreaterThan(5000);
      expect(differences(ours, contents(root))).toEqual([]);
    },
    300_000,
  );

  withDebian(
    "flat, overlay, on a thread, plain, gzip, zstd: one result",
    async () => {
      using scratch = new Scratch();
      await using threads = new LayerThreads(2);
      await applyLayer(createReadStream(tar), { ...overlay, dir: scratch.layer });
      const wanted = contents(scratch.layer);
      for (const compression of ["none", "gzip", "zstd"] as const) {
        const dir = scratch.directory(compression);
        const blob = compressLayer(createReadStream(tar), { compression, level: 1 });
        const target = compression === "gzip" ? "flat" : "overlay";
        await threads.apply(blob, { ...overlay, target, dir });
        expect(differences(wanted, contents(dir))).toEqual([]);
      }
    },
    300_000,
  );

  withDebian(
    "packed and unpacked again it is the same, and packed again the same bytes",
    async () => {
      using scratch = new Scratch();
      await applyLayer(createReadStream(tar), { ...overlay, dir: scratch.layer });
      const again = scratch.directory("again");
      const first = await applyLayer(packLayer(scratch.layer, { source: "tree" }), {
        ...overlay,
        dir: again,
      });
      expect(differences(contents(scratch.layer), contents(again))).toEqual([]);
      const third = scratch.directory("third");
      const second = await applyLayer(packLayer(again, { source: "tree" }), { ...overlay, dir: third });
      expect(second.diffID).toBe(first.diffID);
    },
    300_000,
  );

  withDebian(
    "GNU tar reads what was packed",
    async () => {
      using scratch = new Scratch();
      await applyLayer(createReadStream(tar), { ...overlay, dir: scratch.layer });
      const dir = scratch.directory("tar");
      const bytes: Uint8Array[] = [];
      for await (const piece of packLayer(scratch.layer, { source: "tree" })) bytes.push(piece);
      execFileSync("tar", ["-x", "--xattrs", "--xattrs-include=*", "-C", dir], {
        input: Buffer.concat(bytes),
      });
      const times = { times: "files" } as const;
      const [ours, theirs] = [treeOf(scratch.layer, times), treeOf(dir, times)];
      delete ours[""];
      delete theirs[""];
      expect(differences(ours, theirs)).toEqual([]);
      expect(readFileSync(join(dir, "etc/debian_version"), "utf8")).toMatch(/^12/);
    },
    300_000,
  );
});
