/** An image from the tar of a root file system. */
import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { exportTreeTo } from "../../../src/image/archive/export.ts";
import { importImage } from "../../../src/image/archive/import.ts";
import { storeLayer } from "../../../src/image/archive/store-layer.ts";
import { digestOf } from "../../../src/spec/image/digest.ts";
import { parseImageConfig, parseManifest } from "../../../src/spec/image/document.ts";
import { LAYER, LAYER_GZIP, LAYER_ZSTD } from "../../../src/spec/image/media-types.ts";
import { needs } from "../../support/needs.ts";
import { tarOf } from "../content/images.ts";
import { Room } from "../content/room.ts";
import { tool } from "./peers.ts";

const tar = tarOf("import");
const origin = { where: "test", operation: "test" };

async function* stream(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

describe("import", () => {
  for (const [packed, pack, mediaType] of [
    ["plain", (bytes: Buffer) => bytes, LAYER],
    ["gzip", gzipSync, LAYER_GZIP],
    ["zstd", zstdCompressSync, LAYER_ZSTD],
  ] as const) {
    test(`a ${packed} tar stays as it is and is the only layer`, async () => {
      await using room = await Room.make();
      await using lease = await room.store.lease();
      const given = Buffer.from(pack(tar));
      const { manifest, config } = await importImage({ name: "-", bytes: stream(given) }, room.store, {
        lease,
        changes: ['CMD ["/bin/sh"]', "ENV A=b"],
        message: "made by hand",
        author: "me",
        platform: { os: "linux", architecture: "arm64", variant: "v8" },
        created: new Date("2020-01-01T00:00:00Z"),
      });
      const { layers } = parseManifest(
        await room.store.readSmall(manifest.digest),
        manifest.mediaType,
        origin,
      );
      expect(layers).toEqual([{ mediaType, digest: digestOf(given), size: given.length }]);
      expect(parseImageConfig(await room.store.readSmall(config.digest), origin)).toEqual({
        created: "2020-01-01T00:00:00.000Z",
        author: "me",
        os: "linux",
        architecture: "arm64",
        variant: "v8",
        config: { Cmd: ["/bin/sh"], Env: ["A=b"] },
        rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
        history: [{ created: "2020-01-01T00:00:00.000Z", comment: "made by hand" }],
      });
      await room.names.set("docker.io/library/made:latest", manifest);
      expect((await room.store.fsck()).problems).toEqual([]);
    });
  }

  for (const program of ["xz", "bzip2"]) {
    needs(`program:${program}`)(`a tar packed by ${program} is stored as the tar that it is`, async () => {
      await using room = await Room.make();
      await using lease = await room.store.lease();
      const given = execFileSync(program, ["-c"], { input: tar });
      const { manifest } = await importImage({ name: "-", bytes: stream(given) }, room.store, { lease });
      const { layers } = parseManifest(
        await room.store.readSmall(manifest.digest),
        manifest.mediaType,
        origin,
      );
      expect(layers).toEqual([{ mediaType: LAYER, digest: digestOf(tar), size: tar.length }]);
      for (const damaged of [
        given.subarray(0, given.length - 40),
        Buffer.concat([given.subarray(0, 60), tar]),
      ]) {
        await expect(
          importImage({ name: "a.tar", bytes: stream(damaged) }, room.store, { lease }),
        ).rejects.toMatchObject({
          kind: "InvalidArgument",
          message: expect.stringContaining(`the ${program} data is damaged: `),
        });
      }
      const { PATH } = process.env;
      try {
        process.env.PATH = "/nonexistent";
        await expect(
          importImage({ name: "a.tar", bytes: stream(given) }, room.store, { lease }),
        ).rejects.toMatchObject({ kind: "Unimplemented", site: { hint: expect.stringContaining(program) } });
      } finally {
        process.env.PATH = PATH;
      }
      expect(room.list("ingest")).toEqual([]);
    });
  }

  for (const [what, bytes] of [
    ["text", Buffer.from("hello\n".repeat(500))],
    ["a tar cut short", tar.subarray(0, 1500)],
    ["gzip cut short", gzipSync(tar).subarray(0, 100)],
    ["gzip that is damaged", Buffer.concat([gzipSync(tar).subarray(0, 60), Buffer.alloc(100, 0xff)])],
  ] as const) {
    test(`refused: ${what}; nothing is left`, async () => {
      await using room = await Room.make();
      await using lease = await room.store.lease();
      await expect(
        importImage({ name: "a.tar", bytes: stream(bytes) }, room.store, { lease }),
      ).rejects.toMatchObject({
        kind: "InvalidArgument",
        site: { operation: "import", subject: "a.tar" },
      });
      expect(room.list("blobs/sha256")).toEqual([]);
      expect(room.list("ingest")).toEqual([]);
    });
  }

  test("a change that is none is refused before anything is read", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const changes = ["RUN x"];
    await expect(importImage("/nonexistent", room.store, { lease, changes })).rejects.toMatchObject({
      kind: "InvalidArgument",
      site: { operation: "change" },
    });
    await expect(importImage("/nonexistent", room.store, { lease })).rejects.toMatchObject({
      kind: "NotFound",
      site: { operation: "import", path: "/nonexistent" },
    });
  });

  for (const compress of ["gzip", "zstd"] as const) {
    test(`a layer that comes plain can be stored by ${compress}: the diffID is the tar's`, async () => {
      await using room = await Room.make();
      await using lease = await room.store.lease();
      const options = { lease, what: "layer", operation: "commit", compress };
      const { layer, diffID } = await storeLayer(room.store, stream(tar), options);
      expect(diffID).toBe(digestOf(tar));
      const unpacked = execFileSync(compress, ["-dc"], {
        input: readFileSync(room.store.path(layer.digest)),
      });
      expect(unpacked.equals(tar)).toBe(true);
      expect((await storeLayer(room.store, stream(tar), options)).layer).toEqual(layer);
    });
  }

  needs(
    "root",
    "program:umoci",
    "program:skopeo",
  )("umoci unpacks what we imported", async () => {
    await using room = await Room.make();
    mkdirSync(room.path("files"));
    writeFileSync(room.path("files/hello"), "hello\n");
    execFileSync("tar", ["-czf", room.path("files.tgz"), "-C", room.path("files"), "."]);
    await using lease = await room.store.lease();
    const { manifest } = await importImage(room.path("files.tgz"), room.store, {
      lease,
      changes: ["WORKDIR /w"],
    });
    await room.names.set("made", manifest);
    await tool("skopeo", "copy", `oci:${room.store.directory.path}:made`, `oci:${room.path("layout")}:made`);
    await tool("umoci", "unpack", "--image", `${room.path("layout")}:made`, room.path("bundle"));
    expect(readFileSync(room.path("bundle/rootfs/hello"), "utf8")).toBe("hello\n");
    const { process } = JSON.parse(readFileSync(room.path("bundle/config.json"), "utf8"));
    expect(process.cwd).toBe("/w");
  });
});

describe("export", () => {
  test("of a directory is what import takes; the same files give the same tar, and so the same diffID", async () => {
    await using room = await Room.make();
    const tree = room.path("tree");
    mkdirSync(join(tree, "bin"), { recursive: true });
    writeFileSync(join(tree, "bin/sh"), "#!", { mode: 0o755 });
    linkSync(join(tree, "bin/sh"), join(tree, "bin/ash"));
    symlinkSync("bin", join(tree, "sbin"));
    await exportTreeTo(tree, room.path("one.tar"));
    await exportTreeTo(tree, room.path("two.tar"));
    const one = readFileSync(room.path("one.tar"));
    expect(one.equals(readFileSync(room.path("two.tar")))).toBe(true);
    const listed = execFileSync("tar", ["-tf", room.path("one.tar")], { encoding: "utf8" });
    expect(listed.trim().split("\n").sort()).toEqual(["bin/", "bin/ash", "bin/sh", "sbin"]);
    await using lease = await room.store.lease();
    const { config } = await importImage(room.path("one.tar"), room.store, { lease });
    const { rootfs } = parseImageConfig(await room.store.readSmall(config.digest), origin);
    expect(rootfs.diff_ids).toEqual([digestOf(one)]);
  });
});
