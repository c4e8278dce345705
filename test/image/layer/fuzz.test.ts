/**
 * Random layers. Those that make sense are the same as umoci unpacks them, flat and stacked; those that do not are
 * refused, or stay where they belong. RUNT_FUZZ_SEED repeats a run, RUNT_FUZZ_ROUNDS makes it longer.
 */
import { describe, expect } from "vitest";
import { RuntError } from "../../../src/errors.ts";
import { settleLayer } from "../../../src/image/layer/settle.ts";
import { archive } from "../../support/archive.ts";
import { needs } from "../../support/needs.ts";
import { differences, fingerprint, type Tree, treeOf } from "../../support/tree.ts";
import { mergedTree } from "./merged.ts";
import { damaged, Random, randomLayers } from "./random-layers.ts";
import { umociUnpack } from "./umoci.ts";
import { Scratch, unpack } from "./unpack.ts";

const seed = Number(process.env.RUNT_FUZZ_SEED ?? 20261121);
const rounds = Number(process.env.RUNT_FUZZ_ROUNDS ?? 1);
/** Cases in one image: umoci takes as long for one as for many. */
const casesInImage = 150;
const damagedCases = 400;

/** Directories that no entry describes get the time of now. */
const times = { times: "files" } as const;

/** A file that comes up from a layer below, to be linked, leaves its other names there: OverlayFS knows no better. */
function withoutLinks(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).map(([path, line]) => [path, line.replace(/ = .*/s, "")]));
}

function withoutRoot(tree: Tree): Tree {
  delete tree[""];
  return tree;
}

describe(`random layers, RUNT_FUZZ_SEED=${seed}`, () => {
  needs("root", "program:umoci")(
    "well-formed: the same as umoci, flat and stacked by OverlayFS",
    async () => {
      for (let round = 0; round < rounds; round++) {
        using scratch = new Scratch();
        const random = new Random(seed + round);
        const cases = Array.from({ length: casesInImage }, (_, i) => randomLayers(random, `case${i}`));
        const layers = [0, 1].map((layer) => archive(...cases.flatMap((entries) => entries[layer]!)));
        const dirs: string[] = [];
        const chunkSize = 512 * (1 + random.below(200));
        for (const [i, layer] of layers.entries()) {
          await unpack(layer, scratch.layer, { target: "flat", chunkSize });
          const dir = scratch.directory(`overlay${i}`);
          settleLayer(dir, await unpack(layer, dir, { chunkSize }), dirs);
          dirs.unshift(dir);
        }
        const { root, error } = umociUnpack(scratch.directory("umoci"), layers);
        expect(error).toBeUndefined();
        const wanted = withoutRoot(treeOf(root, times));
        expect(differences(withoutRoot(treeOf(scratch.layer, times)), wanted), "flat").toEqual([]);
        const merged = withoutRoot(mergedTree(dirs, times));
        expect(differences(withoutLinks(merged), withoutLinks(wanted)), "overlay").toEqual([]);
      }
    },
    120_000 * rounds,
  );

  needs("root")(
    "malformed: nothing outside changes, and the error is one of ours",
    async () => {
      for (let i = 0; i < damagedCases * rounds; i++) {
        const random = new Random(seed * 1000 + i);
        using scratch = new Scratch();
        const before = fingerprint(scratch.outside);
        const target = random.of(["overlay", "flat"] as const);
        for (const entries of randomLayers(random, random.of(["a", "outside", "."]))) {
          const bytes = damaged(random, entries);
          try {
            const applied = await unpack(bytes, scratch.layer, {
              target,
              chunkSize: random.of([100, 512, 4096, 1 << 20]),
              limits: { bytes: 1 << 24 },
            });
            if (target === "overlay") settleLayer(scratch.layer, applied, []);
          } catch (error) {
            expect(error, `case ${i}: ${(error as Error).stack}`).toBeInstanceOf(RuntError);
            expect((error as RuntError).kind, `case ${i}: ${(error as Error).message}`).toBe(
              "InvalidArgument",
            );
          }
        }
        expect(fingerprint(scratch.outside), `case ${i}`).toBe(before);
      }
    },
    120_000 * rounds,
  );
});
