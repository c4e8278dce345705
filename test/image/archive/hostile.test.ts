/** Archives that are damaged, incomplete or made to do harm: refused with a reason, and nothing is left of them. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { loadArchive } from "../../../src/image/archive/load.ts";
import { archiveOf } from "../../../src/image/archive/save.ts";
import { digestOf } from "../../../src/spec/image/digest.ts";
import { storeImage, tarOf } from "../content/images.ts";
import { Room } from "../content/room.ts";

type Files = Readonly<Record<string, string | Buffer | { readonly link: string }>>;

/** A directory with these files. */
class Tree implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "runt-archive-"));

  constructor(files: Files) {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.path, name);
      mkdirSync(join(path, ".."), { recursive: true });
      if (typeof content === "object" && "link" in content) symlinkSync(content.link, path);
      else writeFileSync(path, content);
    }
  }

  tar(): Buffer {
    return spawnSync("tar", ["-c", "-C", this.path, "."], { maxBuffer: 1 << 28 }).stdout;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

async function refusal(room: Room, input: Parameters<typeof loadArchive>[0]): Promise<unknown> {
  await using lease = await room.store.lease();
  const error = await loadArchive(input, room.store, { lease }).then(
    () => undefined,
    (error: unknown) => error,
  );
  await lease[Symbol.asyncDispose]();
  expect(await room.names.list()).toEqual([]);
  await room.store.collect({ ingestAgeMs: 0 });
  for (const directory of ["blobs/sha256", "ingest", "leases"]) expect(room.list(directory)).toEqual([]);
  return error;
}

const layer = tarOf("hostile");
const config = JSON.stringify({
  os: "linux",
  architecture: "amd64",
  rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
});
const item = { Config: "c.json", RepoTags: ["a:1"], Layers: ["layer.tar"] };
const manifest = (changes: object) => JSON.stringify([{ ...item, ...changes }]);
const layout = JSON.stringify({ imageLayoutVersion: "1.0.0" });
const index = (...manifests: object[]) => JSON.stringify({ schemaVersion: 2, manifests });
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const blobName = (text: string | Buffer) => `blobs/sha256/${digestOf(text).slice(7)}`;
const ociManifest = JSON.stringify({
  schemaVersion: 2,
  config: {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: digestOf(config),
    size: config.length,
  },
  layers: [
    { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digestOf(layer), size: layer.length },
  ],
});
const entry = { mediaType: manifestType, digest: digestOf(ociManifest), size: ociManifest.length };
const selfContaining = JSON.stringify({ schemaVersion: 2, manifests: [] });

const cases: Readonly<Record<string, { files: Files; kind: string; what: RegExp }>> = {
  "neither manifest.json nor index.json": {
    files: { hello: "x" },
    kind: "InvalidArgument",
    what: /no archive of images/,
  },
  "manifest.json that is no JSON": {
    files: { "manifest.json": "{" },
    kind: "InvalidArgument",
    what: /manifest\.json/,
  },
  "manifest.json of another shape": {
    files: { "manifest.json": "{}" },
    kind: "InvalidArgument",
    what: /array/,
  },
  "a config that is missing": {
    files: { "manifest.json": manifest({}), "layer.tar": layer },
    kind: "InvalidArgument",
    what: /the config c\.json is missing/,
  },
  "a layer that is missing": {
    files: { "manifest.json": manifest({}), "c.json": config },
    kind: "InvalidArgument",
    what: /the layer layer\.tar is missing/,
  },
  "a config outside of the archive": {
    files: { "manifest.json": manifest({ Config: "../../../../../etc/passwd" }), "layer.tar": layer },
    kind: "InvalidArgument",
    what: /missing/,
  },
  "a layer that is a link out of the archive": {
    files: { "manifest.json": manifest({}), "c.json": config, "layer.tar": { link: "/etc/passwd" } },
    kind: "InvalidArgument",
    what: /the layer layer\.tar is missing/,
  },
  "a layer that is a link to itself": {
    files: { "manifest.json": manifest({}), "c.json": config, "layer.tar": { link: "layer.tar" } },
    kind: "InvalidArgument",
    what: /missing/,
  },
  "another layer than the config says": {
    files: { "manifest.json": manifest({}), "c.json": config, "layer.tar": tarOf("other") },
    kind: "FailedPrecondition",
    what: /the layer layer\.tar has the digest sha256:/,
  },
  "more layers than the config says": {
    files: {
      "manifest.json": manifest({ Layers: ["layer.tar", "layer.tar"] }),
      "c.json": config,
      "layer.tar": layer,
    },
    kind: "InvalidArgument",
    what: /tells of 1 layers, and manifest\.json of 2/,
  },
  "a layer compressed in a way that nobody here reads": {
    files: {
      "manifest.json": manifest({}),
      "c.json": config,
      "layer.tar": Buffer.from("fd377a585a0000", "hex"),
    },
    kind: "Unimplemented",
    what: /compressed with xz/,
  },
  "a document of many megabytes": {
    files: { "manifest.json": " ".repeat(9 << 20) },
    kind: "InvalidArgument",
    what: /manifest\.json is too large a document/,
  },
  "a blob that is not what its name says": {
    files: {
      "oci-layout": layout,
      "index.json": index(entry),
      [blobName(ociManifest)]: ociManifest,
      [blobName(config)]: "{}",
    },
    kind: "FailedPrecondition",
    what: /.*/,
  },
  "a manifest that is missing": {
    files: { "oci-layout": layout, "index.json": index(entry) },
    kind: "InvalidArgument",
    what: /blobs\/sha256\/\w+ is missing/,
  },
  "a layer of an image layout that is missing": {
    files: {
      "oci-layout": layout,
      "index.json": index(entry),
      [blobName(ociManifest)]: ociManifest,
      [blobName(config)]: config,
    },
    kind: "InvalidArgument",
    what: /which image sha256:\w+ needs, is missing/,
  },
  "an index without any image": {
    files: {
      "oci-layout": layout,
      "index.json": index({
        mediaType: "application/vnd.oci.image.index.v1+json",
        digest: digestOf(selfContaining),
        size: selfContaining.length,
      }),
      [blobName(selfContaining)]: selfContaining,
    },
    kind: "InvalidArgument",
    what: /none of the images/,
  },
  "a digest that leads elsewhere": {
    files: { "oci-layout": layout, "index.json": index({ ...entry, digest: "sha256:../../../etc/passwd" }) },
    kind: "InvalidArgument",
    what: /must be a digest/,
  },
  "a layout of a later version": {
    files: { "oci-layout": JSON.stringify({ imageLayoutVersion: "2.0.0" }), "index.json": index() },
    kind: "Unimplemented",
    what: /image layout version 2\.0\.0/,
  },
};

for (const form of ["tar", "directory"] as const) {
  describe(`load refuses, in a ${form}`, () => {
    for (const [what, { files, kind, what: pattern }] of Object.entries(cases)) {
      test(what, async () => {
        await using room = await Room.make();
        using tree = new Tree(files);
        const input = form === "directory" ? tree.path : { name: "a.tar", bytes: toStream(tree.tar()) };
        const error = await refusal(room, input);
        expect(error).toMatchObject({ name: "RuntError", kind });
        expect((error as Error).message).toMatch(pattern);
      });
    }
  });
}

async function* toStream(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
}

describe("load refuses", () => {
  test("a file that is not there, is unreadable text, is cut short or damaged", async () => {
    await using room = await Room.make();
    await using other = await Room.make();
    await using lease = await other.store.lease();
    const stored = await storeImage(other.store, lease, { layers: ["a", "b"] });
    const images = [{ names: ["a:1"], target: stored.manifest }];
    const tar = Buffer.concat(
      await Array.fromAsync(archiveOf(other.store, images, { format: "docker-archive" })),
    );
    const from = (bytes: Buffer) => ({ name: "a.tar", bytes: toStream(bytes) });

    expect(await refusal(room, "/nonexistent.tar")).toMatchObject({
      kind: "NotFound",
      site: { path: "/nonexistent.tar", code: "ENOENT" },
    });
    expect(await refusal(room, from(Buffer.from("hello, world\n".repeat(1000))))).toMatchObject({
      kind: "InvalidArgument",
      site: { operation: "load", subject: "a.tar" },
    });
    for (const length of [0, 1, 511, 700, 3000, tar.length - 3000]) {
      expect(await refusal(room, from(tar.subarray(0, length)))).toMatchObject({ kind: "InvalidArgument" });
    }
    const gzip = gzipSync(tar);
    const short = await refusal(room, from(gzip.subarray(0, gzip.length - 100)));
    expect(short).toMatchObject({ kind: "InvalidArgument" });
    const damaged = Buffer.from(gzip);
    damaged.fill(0xff, 1000, 1100);
    expect(await refusal(room, from(damaged))).toMatchObject({ kind: "InvalidArgument" });
    expect(await refusal(room, from(Buffer.from("fd377a585a0000", "hex")))).toMatchObject({
      kind: "InvalidArgument",
      site: { operation: "load", subject: "a.tar" },
    });
  });

  test("names that are none: the image comes without", async () => {
    await using room = await Room.make();
    using tree = new Tree({
      "manifest.json": manifest({ RepoTags: ["UPPER:1", "ok:1", "a b"] }),
      "c.json": config,
      "layer.tar": layer,
    });
    await using lease = await room.store.lease();
    expect(await loadArchive(tree.path, room.store, { lease })).toMatchObject([
      { names: ["docker.io/library/ok:1"] },
    ]);
  });

  test("RepoTags that are null, as docker writes for an image without a name", async () => {
    await using room = await Room.make();
    using tree = new Tree({
      "manifest.json": manifest({ RepoTags: null }),
      "c.json": config,
      "layer.tar": layer,
    });
    await using lease = await room.store.lease();
    expect(await loadArchive(tree.path, room.store, { lease })).toMatchObject([{ names: [] }]);
  });
});
