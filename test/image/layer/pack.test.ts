/** A container's changes as a layer: whiteouts, determinism, and what an archive cannot say. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { compressLayer } from "../../../src/image/layer/compress.ts";
import { type PackOptions, packLayer } from "../../../src/image/layer/pack.ts";
import { settleLayer } from "../../../src/image/layer/settle.ts";
import { setXattr } from "../../../src/linux/xattr.ts";
import { archive, type RawEntry } from "../../support/archive.ts";
import { needs } from "../../support/needs.ts";
import { differences, treeOf } from "../../support/tree.ts";
import { mergedTree } from "./merged.ts";
import { inChunks, Scratch, unpack } from "./unpack.ts";

const asRoot = needs("root");

async function packed(dir: string, options: Partial<PackOptions> = {}): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of packLayer(dir, { source: "tree", ...options })) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** As GNU tar lists it. */
function listing(bytes: Buffer): string[] {
  const args = ["-tv", "--full-time", "--numeric-owner", "--quoting-style=c"];
  return execFileSync("tar", args, { input: bytes, encoding: "utf8", env: { TZ: "UTC" } })
    .trim()
    .split("\n");
}

/** Mounts OverlayFS on `lower`, lets a shell change it, and gives the directory that has the changes. */
function changed(scratch: Scratch, lower: string, script: string): string {
  const [upper, work, merged] = ["upper", "work", "merged"].map((name) => scratch.directory(name));
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},redirect_dir=off,metacopy=off`;
  const mount = `mount -t overlay overlay -o ${options} ${merged} && cd ${merged} && ${script}`;
  execFileSync("unshare", ["--mount", "--propagation", "private", "bash", "-ec", mount]);
  return upper!;
}

describe("packLayer — changes of a container", () => {
  asRoot(
    "files removed, directories replaced, files changed: stacked again it is what the container saw",
    async () => {
      using scratch = new Scratch();
      const lower = scratch.directory("lower");
      const entries: RawEntry[] = [
        { name: "d/", type: "5" },
        { name: "d/a", data: "a" },
        { name: "d/b", data: "b" },
        { name: "e/", type: "5" },
        { name: "e/x", data: "x" },
        { name: "f", data: "f" },
        { name: "g", data: "g", uid: 5, mode: 0o4755 },
      ];
      await unpack(archive(...entries), lower);
      const script =
        "rm d/a f; rm -r e; mkdir e; echo y >e/y; echo more >>g; ln e/y h; mknod p p; chmod 700 d; ln -s f l";
      const upper = changed(scratch, lower, script);
      const bytes = await packed(upper, { source: "overlay" });
      const names = listing(bytes).map((line) => line.replace(/^(\S+\s+){5}/, ""));
      expect(names).toEqual([
        '"d/"',
        '"d/.wh.a"',
        '"e/"',
        '"e/.wh..wh..opq"',
        '"e/y"',
        '".wh.f"',
        '"g"',
        '"h" link to "e/y"',
        '"l" -> "f"',
        '"p"',
      ]);
      const again = scratch.directory("again");
      settleLayer(again, await unpack(bytes, again), [lower]);
      const wanted = mergedTree([upper, lower]);
      const got = mergedTree([again, lower]);
      delete wanted[""];
      delete got[""];
      expect(differences(wanted, got)).toEqual([]);
      // Flat, on a copy of the layer below, too.
      await unpack(archive(...entries), scratch.layer, { target: "flat" });
      await unpack(bytes, scratch.layer, { target: "flat" });
      const flat = treeOf(scratch.layer);
      delete flat[""];
      expect(differences(wanted, flat)).toEqual([]);
    },
  );

  asRoot("whiteouts that are attributes", async () => {
    using scratch = new Scratch();
    const upper = scratch.directory("upper");
    mkdirSync(join(upper, "d"));
    writeFileSync(join(upper, "d/gone"), "");
    setXattr(Buffer.from(join(upper, "d")), "trusted.overlay.opaque", Buffer.from("x"));
    setXattr(Buffer.from(join(upper, "d/gone")), "trusted.overlay.whiteout", Buffer.from("y"));
    const bytes = await packed(upper, { source: "overlay" });
    expect(listing(bytes).map((line) => line.split(" ").at(-1))).toEqual(['"d/"', '"d/.wh.gone"']);
  });

  asRoot("a whiteout has no time and no owner", async () => {
    using scratch = new Scratch();
    await unpack(archive({ name: ".wh.f", uid: 7 }), scratch.layer);
    const bytes = await packed(scratch.layer, { source: "overlay" });
    expect(listing(bytes)).toEqual(['---------- 0/0               0 1970-01-01 00:00:00 ".wh.f"']);
  });

  asRoot("what only OverlayFS understands cannot be packed", async () => {
    for (const mark of ["redirect", "metacopy"]) {
      using scratch = new Scratch();
      writeFileSync(join(scratch.layer, "f"), "");
      setXattr(Buffer.from(join(scratch.layer, "f")), `trusted.overlay.${mark}`, Buffer.from("/x"));
      await expect(packed(scratch.layer, { source: "overlay" })).rejects.toMatchObject({
        kind: "FailedPrecondition",
      });
    }
  });

  asRoot("sockets, and names that would be whiteouts, are left out with a warning", async () => {
    using scratch = new Scratch();
    const server = createServer().listen(join(scratch.layer, "socket"));
    try {
      writeFileSync(join(scratch.layer, ".wh.trap"), "");
      const warnings: string[] = [];
      const bytes = await packed(scratch.layer, {
        source: "overlay",
        onWarning: (text) => warnings.push(text),
      });
      expect(bytes.equals(Buffer.alloc(1024))).toBe(true);
      expect(warnings.join("\n")).toMatch(/\.wh\.trap.*\nsocket: a socket/);
    } finally {
      server.close();
    }
  });
});

describe("packLayer — the same directory, the same bytes", () => {
  async function tree(dir: string): Promise<void> {
    const long = "n".repeat(120);
    const entries: RawEntry[] = [
      { name: "b", data: "b", mtime: 2_000_000_000, pax: [["mtime", "2000000000.5"]] },
      { name: "a", data: "a", uid: 3_000_000_000, gid: 3_000_000, mtime: 5 },
      { name: "ä", type: "2", linkname: "ö" },
      {
        name: "x",
        type: "2",
        pax: [
          ["path", `${long}/${long}`],
          ["linkpath", `${long}/${long}`],
        ],
      },
      { name: "c", type: "3", major: 300, minor: 70_000 },
      { name: "h", type: "1", linkname: "a" },
      { name: "old", pax: [["mtime", "-1.25"]] },
    ];
    await unpack(archive(...entries), dir);
    // Directories' own times are of now.
    utimesSync(join(dir, long), 7, 7);
  }

  asRoot("whatever order the files were made in", async () => {
    using scratch = new Scratch();
    await tree(scratch.layer);
    const other = scratch.directory("other");
    for (let i = 0; i < 50; i++) writeFileSync(join(other, `x${i}`), "");
    await tree(other);
    for (let i = 0; i < 50; i++) rmSync(join(other, `x${i}`));
    const [one, two] = [await packed(scratch.layer), await packed(other)];
    expect(createHash("sha256").update(two).digest("hex")).toBe(
      createHash("sha256").update(one).digest("hex"),
    );
    expect(differences(treeOf(scratch.layer, { times: "files" }), await roundTrip(one))).toEqual([]);
  });

  async function roundTrip(bytes: Buffer) {
    using scratch = new Scratch();
    await unpack(bytes, scratch.layer);
    return treeOf(scratch.layer, { times: "files" });
  }

  asRoot("nothing is newer than SOURCE_DATE_EPOCH", async () => {
    using scratch = new Scratch();
    await tree(scratch.layer);
    const bytes = await packed(scratch.layer, { newestS: 1_000_000_000 });
    const years = listing(bytes).map((line) => line.split(/\s+/)[3]);
    expect(new Set(years)).toEqual(new Set(["1969-12-31", "1970-01-01", "2001-09-09"]));
  });

  asRoot("a file that gets shorter while it is read is an error", async () => {
    using scratch = new Scratch();
    writeFileSync(join(scratch.layer, "f"), Buffer.alloc(1 << 20, "x"));
    const pack = packLayer(scratch.layer, { source: "tree" });
    await pack.next();
    truncateSync(join(scratch.layer, "f"), 10);
    await expect(
      (async () => {
        for await (const _ of pack);
      })(),
    ).rejects.toMatchObject({ kind: "FailedPrecondition", message: expect.stringContaining("shorter") });
  });

  asRoot("hard links across directories, and a link to a file outside", async () => {
    using scratch = new Scratch();
    mkdirSync(join(scratch.layer, "a"));
    mkdirSync(join(scratch.layer, "b"));
    linkSync(join(scratch.outside, "etc/passwd"), join(scratch.layer, "b/one"));
    linkSync(join(scratch.outside, "etc/passwd"), join(scratch.layer, "a/two"));
    symlinkSync(scratch.outside, join(scratch.layer, "a/out"));
    const bytes = await packed(scratch.layer);
    const names = listing(bytes).map((line) => line.split(" ").slice(-1)[0]);
    expect(names.filter((name) => name!.includes("passwd"))).toEqual([]);
    expect(bytes.includes("root:x:0:0")).toBe(true);
  });

  test("cancelling", async () => {
    using scratch = new Scratch();
    writeFileSync(join(scratch.layer, "f"), Buffer.alloc(1 << 20));
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(packed(scratch.layer, { signal })).rejects.toThrow("enough");
  });
});

describe("compressLayer", () => {
  test("bytes and both names", async () => {
    const tar = archive({ name: "f", data: "x".repeat(100_000) });
    const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const unpackers = { none: (bytes: Buffer) => bytes, gzip: gunzipSync, zstd: zstdDecompressSync } as const;
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const pieces: Uint8Array[] = [];
      const blob = compressLayer(inChunks(tar), { compression });
      let last = await blob.next();
      for (; !last.done; last = await blob.next()) pieces.push(Buffer.from(last.value));
      const bytes = Buffer.concat(pieces);
      expect(last.value).toEqual({ diffID: sha256(tar), digest: sha256(bytes), size: bytes.length });
      expect(Buffer.from(unpackers[compression](bytes)).equals(tar)).toBe(true);
    }
  });

  test("an error of the source is what is thrown", async () => {
    async function* source() {
      yield Buffer.alloc(10);
      throw new Error("disk on fire");
    }
    for (const compression of ["none", "gzip", "zstd"] as const)
      await expect(
        (async () => {
          for await (const _ of compressLayer(source(), { compression }));
        })(),
      ).rejects.toThrow("disk on fire");
  });
});
