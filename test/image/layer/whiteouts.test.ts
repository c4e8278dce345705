/** Whiteouts, opaque directories, entries that come twice, and what a layer needs of those below it. */
import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { AppliedLayer } from "../../../src/image/layer/apply.ts";
import { settleLayer } from "../../../src/image/layer/settle.ts";
import { getXattr, listXattrs } from "../../../src/linux/xattr.ts";
import { archive, type RawEntry } from "../../support/archive.ts";
import { needs } from "../../support/needs.ts";
import { differences, type Tree, treeOf } from "../../support/tree.ts";
import { mergedTree } from "./merged.ts";
import { Scratch, unpack } from "./unpack.ts";

const asRoot = needs("root");
const dir = (name: string, rest: Partial<RawEntry> = {}): RawEntry => ({
  name: `${name}/`,
  type: "5",
  ...rest,
});
const file = (name: string, data = name, rest: Partial<RawEntry> = {}): RawEntry => ({ name, data, ...rest });

/** Unpacks layers, bottom first, in both ways; gives what is to be seen of them. */
async function stacked(layers: readonly (readonly RawEntry[])[]): Promise<{ flat: Tree; overlay: Tree }> {
  using scratch = new Scratch();
  const dirs: string[] = [];
  const applied: AppliedLayer[] = [];
  for (const [i, entries] of layers.entries()) {
    await unpack(archive(...entries), scratch.layer, { target: "flat" });
    dirs.unshift(scratch.directory(`o${i}`));
    applied.unshift(await unpack(archive(...entries), dirs[0]!));
  }
  for (let i = dirs.length - 1; i >= 0; i--) settleLayer(dirs[i]!, applied[i]!, dirs.slice(i + 1));
  const flat = treeOf(scratch.layer, { times: "none" });
  const overlay = mergedTree(dirs, { times: "none" });
  // The root is the directory that the test made.
  delete flat[""];
  delete overlay[""];
  return { flat, overlay };
}

/** Names that are to be seen, in either way, and that both ways show the same. */
async function names(...layers: readonly (readonly RawEntry[])[]): Promise<string[]> {
  const { flat, overlay } = await stacked(layers);
  expect(differences(flat, overlay)).toEqual([]);
  return Object.keys(flat).sort();
}

describe("layer — whiteouts hide what is below and nothing else", () => {
  const lower = [dir("d"), file("d/a"), file("d/b"), dir("d/s"), file("d/s/x"), file("f")];

  asRoot("a file, a directory", async () => {
    expect(await names(lower, [file("d/.wh.a"), file(".wh.f")])).toEqual(["d", "d/b", "d/s", "d/s/x"]);
    expect(await names(lower, [file(".wh.d")])).toEqual(["f"]);
    expect(await names(lower, [file("d/.wh.s"), dir("d")])).toEqual(["d", "d/a", "d/b", "f"]);
  });

  asRoot("what is not there, and in a directory that is not there", async () => {
    expect(await names([file("f")], [file(".wh.none"), dir("d"), file("d/.wh.none")])).toEqual(["d", "f"]);
    // OverlayFS lists whiteouts of a directory that only one layer has.
    const { overlay } = await stacked([[file("f")], [file("no/where/.wh.none")]]);
    expect(Object.keys(overlay)).not.toContain("no/where/none");
  });

  for (const order of ["before", "after"])
    asRoot(`a file of the same layer stays, the whiteout coming ${order} it`, async () => {
      const pair = [file("d/.wh.a"), file("d/a", "new")];
      const { flat, overlay } = await stacked([lower, order === "before" ? pair : pair.reverse()]);
      expect(differences(flat, overlay)).toEqual([]);
      expect(flat["d/a"]).toMatch(/^file 644 0:0 3 /);
    });

  for (const order of ["before", "after"])
    asRoot(`a directory of the same layer is a new one, the whiteout coming ${order} it`, async () => {
      const layer = [dir("d"), file("d/new")];
      const whiteout = file(".wh.d");
      expect(await names(lower, order === "before" ? [whiteout, ...layer] : [...layer, whiteout])).toEqual([
        "d",
        "d/new",
        "f",
      ]);
      // Without an entry for the directory itself.
      expect(
        await names(lower, order === "before" ? [whiteout, file("d/new")] : [file("d/new"), whiteout]),
      ).toEqual(["d", "d/new", "f"]);
    });

  for (const at of [0, 1, 2, 3])
    asRoot(`an opaque directory, the mark being entry ${at} of the layer`, async () => {
      const layer = [dir("d"), file("d/new"), file("d/s/deep")];
      layer.splice(at, 0, file("d/.wh..wh..opq"));
      expect(await names(lower, layer)).toEqual(["d", "d/new", "d/s", "d/s/deep", "f"]);
    });

  asRoot("an opaque directory that has no entry", async () => {
    expect(await names(lower, [file("d/.wh..wh..opq")])).toEqual(["d", "f"]);
    expect(await names(lower, [file("d/s/.wh..wh..opq")])).toEqual(["d", "d/a", "d/b", "d/s", "f"]);
  });

  asRoot("an opaque root", async () => {
    expect(await names(lower, [file("d/new"), file(".wh..wh..opq"), file("g")])).toEqual(["d", "d/new", "g"]);
  });

  asRoot("three layers: what is hidden comes back only if it is written again", async () => {
    expect(await names(lower, [file(".wh.d")], [dir("d"), file("d/c")])).toEqual(["d", "d/c", "f"]);
    expect(await names(lower, [file("d/.wh.a")], [file("d/a", "again")])).toContain("d/a");
  });

  asRoot("a file instead of a directory, a directory instead of a file", async () => {
    expect(await names(lower, [file("d", "file")])).toEqual(["d", "f"]);
    expect(await names(lower, [dir("f"), file("f/x")])).toContain("f/x");
    expect(await names(lower, [{ name: "d", type: "2", linkname: "f" }])).toEqual(["d", "f"]);
  });

  asRoot("aufs' own files are left out", async () => {
    expect(
      await names([dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2"), file(".wh..wh.aufs"), file("f")]),
    ).toEqual(["f"]);
  });

  asRoot("in OverlayFS's form: a device 0:0 that belongs to whom the header says, an attribute", async () => {
    for (const userXattr of [false, true]) {
      using scratch = new Scratch();
      const layer = [file(".wh.gone", "", { uid: 12, gid: 13 }), file("d/.wh..wh..opq")];
      await unpack(archive(...layer), scratch.layer, { userXattr });
      expect(lstatSync(join(scratch.layer, "gone"))).toMatchObject({ rdev: 0, uid: 12, gid: 13 });
      expect(lstatSync(join(scratch.layer, "gone")).isCharacterDevice()).toBe(true);
      const name = userXattr ? "user.overlay.opaque" : "trusted.overlay.opaque";
      expect(listXattrs(Buffer.from(join(scratch.layer, "d")))).toEqual([name]);
      expect(getXattr(Buffer.from(join(scratch.layer, "d")), name)?.toString()).toBe("y");
    }
  });

  asRoot("user.overlay.* is an order only where it would be obeyed", async () => {
    const layer = archive({ name: "d", type: "5", pax: [["SCHILY.xattr.user.overlay.opaque", "y"]] });
    for (const [userXattr, wanted] of [
      [true, []],
      [false, ["user.overlay.opaque"]],
    ] as const) {
      using scratch = new Scratch();
      await unpack(layer, scratch.layer, { userXattr });
      expect(listXattrs(Buffer.from(join(scratch.layer, "d")))).toEqual(wanted);
    }
  });
});

describe("layer — entries that come twice", () => {
  const cases: Record<string, [RawEntry[], Record<string, RegExp>]> = {
    "the later file counts, and is another file": [
      [file("a", "one"), { name: "b", type: "1", linkname: "a" }, file("a", "two!", { mode: 0o600, uid: 7 })],
      { a: /^file 600 7:0 4 [^=]*$/, b: /^file 644 0:0 3 [^=]*$/ },
    ],
    "a directory's attributes are replaced, its files stay": [
      [
        dir("d", { mode: 0o700, pax: [["SCHILY.xattr.user.old", "1"]] }),
        file("d/f"),
        dir("d", { mode: 0o711, uid: 9 }),
      ],
      { d: /^directory 711 9:0$/, "d/f": /^file/ },
    ],
    "a file where a full directory was": [[dir("d"), file("d/f"), file("d", "x")], { d: /^file/ }],
    "a directory where a file was": [
      [file("d", "x"), dir("d"), file("d/f")],
      { d: /^directory/, "d/f": /^file/ },
    ],
    "a link where a directory was, and files behind it": [
      [dir("d"), file("d/f"), dir("e"), { name: "d", type: "2", linkname: "e" }, file("d/g")],
      { d: /^symlink/, e: /^directory/, "e/g": /^file/ },
    ],
    "a directory where a link was": [
      [dir("e"), { name: "d", type: "2", linkname: "e" }, file("d/f"), dir("d"), file("d/g")],
      { d: /^directory/, "d/g": /^file/, e: /^directory/, "e/f": /^file/ },
    ],
    "a hard link to itself": [
      [file("a", "x"), { name: "a", type: "1", linkname: "a" }],
      { a: /^file 644 0:0 1/ },
    ],
    "a hard link made twice": [
      [file("a", "x"), { name: "b", type: "1", linkname: "a" }, { name: "b", type: "1", linkname: "./a" }],
      { a: /= a = b$/, b: /= a = b$/ },
    ],
    "a hard link where a file was": [
      [file("a", "x"), file("b", "long"), { name: "b", type: "1", linkname: "a" }],
      { a: /= a = b$/, b: /= a = b$/ },
    ],
    "devices, fifos and links over each other": [
      [
        { name: "n", type: "6" },
        { name: "n", type: "3", major: 1, minor: 3 },
        { name: "n", type: "2", linkname: "x" },
        { name: "n", type: "4", major: 7, minor: 3 },
      ],
      { n: /^block/ },
    ],
  };
  for (const [what, [entries, wanted]] of Object.entries(cases))
    asRoot(what, async () => {
      const { flat, overlay } = await stacked([entries]);
      expect(differences(flat, overlay)).toEqual([]);
      for (const [path, line] of Object.entries(wanted)) expect(flat[path]).toMatch(line);
      expect(Object.keys(flat)).toHaveLength(Object.keys(wanted).length);
    });

  asRoot("in batches of one call and in chunks of any size it is the same", async () => {
    const entries = Object.values(cases).flatMap(([entries], i) =>
      entries.map((raw) => ({
        ...raw,
        name: `${i}/${raw.name}`,
        ...(raw.type === "1" && { linkname: `${i}/${raw.linkname}` }),
      })),
    );
    const trees: Tree[] = [];
    for (const chunkSize of [1 << 20, 512, 300]) {
      using scratch = new Scratch();
      await unpack(archive(...entries), scratch.layer, { chunkSize });
      const tree = treeOf(scratch.layer, { times: "files" });
      delete tree[""];
      trees.push(tree);
    }
    expect(differences(trees[0]!, trees[1]!)).toEqual([]);
    expect(differences(trees[0]!, trees[2]!)).toEqual([]);
  });
});

describe("settleLayer — what a layer needs of those below", () => {
  asRoot("directories without an entry have the attributes they have below", async () => {
    const pax = [
      ["mtime", "1500000000.000000042"],
      ["SCHILY.xattr.user.keep", "1"],
      ["SCHILY.xattr.trusted.x", "1"],
    ] as const;
    const lower = [dir("d", { mode: 0o2750, uid: 5, gid: 6, pax }), dir("d/e", { mode: 0o701, uid: 8, pax })];
    using scratch = new Scratch();
    const [below, middle, top] = ["b", "m", "t"].map((name) => scratch.directory(name)) as [
      string,
      string,
      string,
    ];
    settleLayer(below, await unpack(archive(...lower), below), []);
    settleLayer(middle, await unpack(archive(file("other")), middle), [below]);
    const applied = await unpack(archive(file("d/e/f/g", "new")), top);
    expect(applied.implicitParents).toEqual(["d", "d/e", "d/e/f"]);
    settleLayer(top, applied, [middle, below]);
    const tree = mergedTree([top, middle, below]);
    expect(tree.d).toBe("directory 2750 5:6 @1500000000000000042 user.keep=31");
    expect(tree["d/e"]).toBe("directory 701 8:0 @1500000000000000042 user.keep=31");
    expect(tree["d/e/f"]).toMatch(/^directory 755 0:0/);
  });

  asRoot("an entry that comes later describes the directory after all", async () => {
    using scratch = new Scratch();
    const applied = await unpack(archive(file("d/f"), dir("d", { mode: 0o500 })), scratch.layer);
    expect(applied.implicitParents).toEqual([]);
  });

  asRoot("a directory that took the place of another one is a new one", async () => {
    const lower = [dir("d", { mode: 0o700, uid: 5 })];
    const { flat, overlay } = await stacked([lower, [file(".wh.d"), file("d/f")]]);
    expect(overlay.d).toBe("directory 755 0:0");
    expect(overlay["d/f"]).toBe(flat["d/f"]);
    const { overlay: hidden } = await stacked([
      [dir("d"), dir("d/e", { uid: 5 })],
      [file("d/.wh..wh..opq"), file("d/e/f")],
    ]);
    expect(hidden["d/e"]).toBe("directory 755 0:0");
  });

  asRoot("a hard link to a file of a layer below: that file comes up with all it has", async () => {
    const pax = [
      ["mtime", "1500000000.000000042"],
      ["SCHILY.xattr.user.keep", "1"],
    ] as const;
    const lower = [dir("d", { uid: 5 }), file("d/f", "content", { mode: 0o4755, uid: 5, pax })];
    const layers = [
      lower,
      [file("g"), { name: "h", type: "1", linkname: "d/f" }, { name: "i", type: "1", linkname: "h" }],
    ];
    const { flat, overlay } = await stacked(layers);
    expect(differences(flat, overlay)).toEqual([]);
    expect(overlay["d/f"]).toMatch(/^file 4755 5:0 7 \w+ user\.keep=31 = d\/f = h = i$/);
  });

  asRoot("a link whose name something else takes later", async () => {
    const { flat, overlay } = await stacked([
      [file("f")],
      [{ name: "h", type: "1", linkname: "f" }, file("h", "other")],
    ]);
    expect(differences(flat, overlay)).toEqual([]);
  });

  asRoot("a link to a file that the layer replaces later", async () => {
    const { flat, overlay } = await stacked([
      [file("f", "old")],
      [{ name: "h", type: "1", linkname: "f" }, file("f", "newer")],
    ]);
    expect(differences(flat, overlay)).toEqual([]);
    expect(overlay.h).toMatch(/^file 644 0:0 3 /);
  });

  asRoot("a link to what no layer has", async () => {
    using scratch = new Scratch();
    const applied = await unpack(archive({ name: "h", type: "1", linkname: "f" }), scratch.layer);
    expect(applied.deferredLinks).toEqual([{ path: "h", target: "f" }]);
    expect(() => settleLayer(scratch.layer, applied, [scratch.directory("empty")])).toThrow(
      expect.objectContaining({ kind: "InvalidArgument", message: expect.stringContaining("in no layer") }),
    );
    await expect(
      unpack(archive({ name: "h", type: "1", linkname: "f" }), scratch.layer, { target: "flat" }),
    ).rejects.toMatchObject({ kind: "InvalidArgument" });
  });

  asRoot("files behind a link to a directory of a layer below", async () => {
    using scratch = new Scratch();
    const [below, top] = ["b", "t"].map((name) => scratch.directory(name)) as [string, string];
    settleLayer(below, await unpack(archive(dir("usr"), dir("usr/lib", { uid: 5 })), below), []);
    const applied = await unpack(
      archive({ name: "lib", type: "2", linkname: "usr/lib" }, file("lib/x", "text")),
      top,
    );
    settleLayer(top, applied, [below]);
    expect(readFileSync(join(top, "usr/lib/x"), "utf8")).toBe("text");
    expect(mergedTree([top, below], { times: "none" })["usr/lib"]).toBe("directory 755 5:0");
  });
});
