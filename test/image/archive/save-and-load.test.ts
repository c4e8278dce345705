/** Our own archives: all images and names in, all images and names out, byte for byte. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { loadArchive } from "../../../src/image/archive/load.ts";
import { type ArchiveFormat, archiveOf, saveLayout } from "../../../src/image/archive/save.ts";
import { writeWhole } from "../../../src/image/archive/write-file.ts";
import type { Descriptor } from "../../../src/spec/image/descriptor.ts";
import { contentDigest } from "../content/contents.ts";
import { type ImageRecipe, type StoredImage, storeImage, storeIndex } from "../content/images.ts";
import { Room } from "../content/room.ts";

const formats = ["docker-archive", "oci-archive", "directory"] as const;

async function image(room: Room, recipe: ImageRecipe): Promise<StoredImage> {
  await using lease = await room.store.lease();
  const stored = await storeImage(room.store, lease, recipe);
  await room.names.change({ keep: [stored.manifest] });
  return stored;
}

type Named = { readonly names: readonly string[]; readonly target: Descriptor };

async function save(room: Room, images: readonly Named[], format: (typeof formats)[number]): Promise<string> {
  const path = room.path(`saved-${format}`);
  if (format === "directory") await saveLayout(room.store, images, path);
  else await writeWhole(path, archiveOf(room.store, images, { format }));
  return path;
}

async function load(room: Room, input: Parameters<typeof loadArchive>[0]) {
  await using lease = await room.store.lease();
  const images = await loadArchive(input, room.store, { lease });
  await room.names.change({ keep: images.map(({ target }) => target) });
  expect((await room.store.fsck()).problems).toEqual([]);
  expect(room.list("ingest")).toEqual([]);
  return images;
}

async function wholeOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const recipes: readonly ImageRecipe[] = [
  { layers: ["a", "b"] },
  { layers: ["a", "c"], compression: "zstd" },
  { layers: ["a", "a"], compression: "none" },
  { layers: ["d"], flavour: "docker" },
];

for (const format of formats) {
  describe(`save and load, ${format}`, () => {
    test("several images with several names come back as they were, and nothing besides", async () => {
      await using room = await Room.make();
      const stored = await Promise.all(recipes.map((recipe) => image(room, recipe)));
      const images = stored.map(({ manifest }, i) => ({
        names: i === 3 ? [] : [`docker.io/library/i${i}:1`, `localhost:5000/x/i${i}:2`],
        target: manifest,
      }));
      const path = await save(room, images, format);
      await using other = await Room.make();
      const loaded = await load(other, path);
      expect(loaded.map(({ names, target }) => ({ names, digest: target.digest }))).toEqual(
        images.map(({ names, target }) => ({ names, digest: target.digest })),
      );
      expect(other.list("blobs/sha256")).toEqual(room.list("blobs/sha256"));
      expect((await other.store.collect()).blobs).toEqual([]);
    });

    test("an index with all its images stays one; of one with holes the image that is there is saved", async () => {
      await using room = await Room.make();
      const amd64 = await image(room, { layers: ["amd64"] });
      const arm64 = await image(room, {
        layers: ["arm64"],
        platform: { os: "linux", architecture: "arm64" },
      });
      await using lease = await room.store.lease();
      const whole = await storeIndex(room.store, lease, [amd64.manifest, arm64.manifest]);
      const absent = { ...arm64.manifest, digest: contentDigest({ seed: "absent", size: 7 }), size: 7 };
      const holes = await storeIndex(room.store, lease, [absent, amd64.manifest]);
      const path = await save(
        room,
        [
          { names: ["quay.io/x/whole:1"], target: whole },
          { names: ["quay.io/x/holes:1"], target: holes },
        ],
        format,
      );
      await using other = await Room.make();
      expect(await load(other, path)).toMatchObject([
        { names: ["quay.io/x/whole:1"], target: { digest: whole.digest } },
        { names: ["quay.io/x/holes:1"], target: { digest: amd64.manifest.digest } },
      ]);
    });

    test("an image that is not all there: NotFound, and nothing is written", async () => {
      await using room = await Room.make();
      const stored = await image(room, recipes[0]!);
      rmSync(room.store.path(stored.layers[1]!.digest));
      await expect(save(room, [{ names: [], target: stored.manifest }], format)).rejects.toMatchObject({
        kind: "NotFound",
        site: { subject: `blob ${stored.layers[1]!.digest}` },
      });
      expect(existsSync(room.path(`saved-${format}`))).toBe(false);
      expect(room.list("leases")).toEqual([]);
    });
  });
}

describe("save", () => {
  test("of one platform, from an index of two", async () => {
    await using room = await Room.make();
    const arm64 = { os: "linux", architecture: "arm64" };
    const images = [
      await image(room, { layers: ["amd64"] }),
      await image(room, { layers: ["arm64"], platform: arm64 }),
    ];
    await using lease = await room.store.lease();
    const index = await storeIndex(
      room.store,
      lease,
      images.map(({ manifest }) => manifest),
    );
    const wanted = { names: ["a:1"], target: index };
    await writeWhole(
      room.path("arm"),
      archiveOf(room.store, [wanted], { format: "docker-archive", platform: arm64 }),
    );
    await using other = await Room.make();
    expect(await load(other, room.path("arm"))).toMatchObject([
      { target: { digest: images[1]!.manifest.digest } },
    ]);
  });

  test("gives the same bytes every time, which tar(1) reads", async () => {
    await using room = await Room.make();
    const { manifest } = await image(room, recipes[0]!);
    const wanted = [{ names: ["a:1"], target: manifest }];
    const once = await wholeOf(archiveOf(room.store, wanted, { format: "docker-archive" }));
    expect(once.equals(await wholeOf(archiveOf(room.store, wanted, { format: "docker-archive" })))).toBe(
      true,
    );
    const list = spawnSync("tar", ["-t"], { input: once, encoding: "utf8" });
    expect(list.stderr).toBe("");
    expect(list.stdout.split("\n")).toEqual(
      expect.arrayContaining(["manifest.json", "index.json", "oci-layout"]),
    );
  });

  test("a digest of sha512 has a name too long for an old header, and comes back", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const stored = await storeImage(room.store, lease, recipes[0]!);
    const size = stored.manifest.size;
    const bytes = await room.store.readSmall(stored.manifest.digest);
    const digest =
      `sha512:${execFileSync("sha512sum", { input: bytes, encoding: "utf8" }).slice(0, 128)}` as typeof stored.manifest.digest;
    const opened = await room.store.ingest({ digest, size }, { lease });
    if (opened === "present") throw new Error();
    await opened.write(bytes);
    await opened.commit();
    const path = await save(
      room,
      [{ names: ["a:1"], target: { ...stored.manifest, digest } }],
      "oci-archive",
    );
    await using other = await Room.make();
    expect(await load(other, path)).toMatchObject([{ target: { digest } }]);
  });

  test("given up half way: no file, no lease; a file that was there stays", async () => {
    await using room = await Room.make();
    const { manifest } = await image(room, recipes[0]!);
    const wanted = [{ names: ["a:1"], target: manifest }];
    writeFileSync(room.path("out"), "old");
    const controller = new AbortController();
    const archive = archiveOf(room.store, wanted, {
      format: "docker-archive",
      signal: controller.signal,
      onBlob: () => controller.abort(),
    });
    await expect(writeWhole(room.path("out"), archive)).rejects.toThrow(/abort/i);
    expect(readFileSync(room.path("out"), "utf8")).toBe("old");
    expect(readdirSync(room.root).filter((name) => name.includes("out"))).toEqual(["out"]);
    expect(room.list("leases")).toEqual([]);
    const reader = archiveOf(room.store, wanted, { format: "docker-archive" });
    await reader.next();
    expect(room.list("leases")).toHaveLength(1);
    await reader.return(undefined);
    expect(room.list("leases")).toEqual([]);
  });

  test("while it is read, its images are not collected", async () => {
    await using room = await Room.make();
    const stored = await image(room, recipes[0]!);
    const archive = archiveOf(room.store, [{ names: ["a:1"], target: stored.manifest }], {
      format: "docker-archive",
    });
    const chunks = [(await archive.next()).value as Uint8Array];
    await room.names.change({ drop: [stored.manifest.digest] });
    expect((await room.store.collect()).blobs).toEqual([]);
    chunks.push(...(await Array.fromAsync(archive)));
    expect((await room.store.collect()).blobs).toHaveLength(4);
    await using other = await Room.make();
    const bytes = inPieces(Buffer.concat(chunks), 1000);
    expect(await load(other, { name: "stream", bytes })).toMatchObject([
      { target: { digest: stored.manifest.digest } },
    ]);
  });

  test("into a directory that is something else: refused; into a pipe: written as it comes", async () => {
    await using room = await Room.make();
    const { manifest } = await image(room, recipes[0]!);
    const wanted = [{ names: ["a:1"], target: manifest }];
    mkdirSync(room.path("home"));
    writeFileSync(room.path("home/letter"), "");
    await expect(saveLayout(room.store, wanted, room.path("home"))).rejects.toMatchObject({
      kind: "FailedPrecondition",
    });
    const toHome = writeWhole(room.path("home"), archiveOf(room.store, wanted, { format: "oci-archive" }));
    await expect(toHome).rejects.toMatchObject({ kind: "InvalidArgument" });
    await writeWhole("/dev/null", archiveOf(room.store, wanted, { format: "oci-archive" }));
    expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("into a layout that has the name already: it moves, and a damaged blob is mended", async () => {
    await using room = await Room.make();
    const [one, two] = [await image(room, recipes[0]!), await image(room, recipes[1]!)];
    const path = room.path("layout");
    await saveLayout(room.store, [{ names: ["a:1", "b:1"], target: one.manifest }], path);
    writeFileSync(join(path, "blobs/sha256", one.layers[0]!.digest.slice(7)), "?");
    await saveLayout(room.store, [{ names: ["a:1"], target: two.manifest }], path);
    await saveLayout(room.store, [{ names: ["c:1"], target: one.manifest }], path);
    await using other = await Room.make();
    const loaded = await load(other, path);
    const names = Object.fromEntries(loaded.map(({ names, target }) => [target.digest, [...names].sort()]));
    expect(names).toEqual({
      [one.manifest.digest]: ["docker.io/library/b:1", "docker.io/library/c:1"],
      [two.manifest.digest]: ["docker.io/library/a:1"],
    });
  });
});

describe("load", () => {
  const packers = { plain: (tar: Buffer) => tar, gzip: gzipSync, zstd: zstdCompressSync };
  for (const [packed, pack] of Object.entries(packers)) {
    for (const pieces of [1, 511, 100_000]) {
      test(`a ${packed} tar in pieces of ${pieces} bytes`, async () => {
        await using room = await Room.make();
        const stored = await image(room, recipes[0]!);
        const images = [{ names: ["docker.io/library/a:1"], target: stored.manifest }];
        const tar = await wholeOf(archiveOf(room.store, images, { format: "docker-archive" }));
        await using other = await Room.make();
        const bytes = inPieces(Buffer.from(pack(tar)), pieces);
        const [loaded] = await load(other, { name: "standard input", bytes });
        expect(loaded).toMatchObject({ names: images[0]!.names, target: { digest: stored.manifest.digest } });
      });
    }
  }

  for (const format of ["docker-archive", "oci-archive"] as ArchiveFormat[]) {
    test(`of what the store has writes nothing: ${format}`, async () => {
      await using room = await Room.make();
      const stored = await image(room, recipes[0]!);
      const path = await save(room, [{ names: ["a:1"], target: stored.manifest }], format);
      const before = room
        .list("blobs/sha256")
        .map((name) => statSync(join(room.store.directory.blobs, "sha256", name)).ino);
      await load(room, path);
      const after = room
        .list("blobs/sha256")
        .map((name) => statSync(join(room.store.directory.blobs, "sha256", name)).ino);
      expect(after).toEqual(before);
    });
  }
});
