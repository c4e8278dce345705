/** What takes the compression off, and the name of what was under it. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decompress } from "../../../src/image/layer/decompress.ts";
import { LayerThreads } from "../../../src/image/layer/threads.ts";
import { DOCKER_LAYER, LAYER, LAYER_GZIP, LAYER_ZSTD } from "../../../src/spec/image/media-types.ts";
import { archive } from "../../support/archive.ts";
import { needs } from "../../support/needs.ts";
import { inChunks, overlay, Scratch, unpack } from "./unpack.ts";

const asRoot = needs("root");

async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function decompressed(bytes: Uint8Array, chunkSize = 1000): Promise<Buffer> {
  return all((await decompress(inChunks(bytes, chunkSize))).bytes);
}

const content = Buffer.concat([randomBytes(300_000), Buffer.alloc(300_000, "abc")]);
const parts = [content.subarray(0, 200_000), content.subarray(200_000, 200_001), content.subarray(200_001)];
/** Which zstd readers pass over: zstd:chunked keeps its table of contents in one. */
const skippable = Buffer.concat([Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from("hello")]);

describe("decompress", () => {
  const cases: Record<string, [Buffer, string]> = {
    plain: [content, "none"],
    gzip: [gzipSync(content), "gzip"],
    "gzip of several members": [Buffer.concat(parts.map((part) => gzipSync(part))), "gzip"],
    "gzip of nothing and something": [Buffer.concat([gzipSync(""), gzipSync(content)]), "gzip"],
    "gzip with zeros behind it": [Buffer.concat([gzipSync(content), Buffer.alloc(1000)]), "gzip"],
    zstd: [zstdCompressSync(content), "zstd"],
    "zstd of several frames": [Buffer.concat(parts.map((part) => zstdCompressSync(part))), "zstd"],
    "zstd with frames to be skipped": [
      Buffer.concat([
        skippable,
        zstdCompressSync(parts[0]!),
        skippable,
        skippable,
        ...parts.slice(1).map((p) => zstdCompressSync(p)),
        skippable,
      ]),
      "zstd",
    ],
  };
  for (const [what, [bytes, compression]] of Object.entries(cases))
    test(what, async () => {
      for (const chunkSize of [997, 4096, 1 << 24]) {
        const result = await decompress(inChunks(bytes, chunkSize));
        expect(result.compression).toBe(compression);
        expect((await all(result.bytes)).equals(content)).toBe(true);
      }
    });

  test("members and frames that end anywhere in a chunk", async () => {
    const [a, b] = [randomBytes(100), randomBytes(50)];
    for (const pack of [gzipSync, zstdCompressSync]) {
      const bytes = Buffer.concat([pack(a), pack(b)]);
      for (let cut = 1; cut < bytes.length; cut++)
        expect((await decompressed(bytes, cut)).equals(Buffer.concat([a, b]))).toBe(true);
    }
  });

  test("truncated and damaged data", async () => {
    const damage = (bytes: Buffer, at: number) => {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x55;
      return damaged;
    };
    const refusal = (kind: string) => ({
      name: "RuntError",
      kind: "InvalidArgument",
      message: expect.stringMatching(kind),
    });
    for (const pack of [gzipSync, zstdCompressSync]) {
      const bytes = pack(content);
      await expect(decompressed(bytes.subarray(0, bytes.length - 9))).rejects.toMatchObject(
        refusal("truncated"),
      );
      await expect(decompressed(bytes.subarray(0, 20_000))).rejects.toMatchObject(refusal("truncated"));
    }
    await expect(decompressed(damage(gzipSync(content), 5000))).rejects.toMatchObject(refusal("damaged"));
    await expect(
      decompressed(Buffer.concat([gzipSync(content), Buffer.from("garbage")])),
    ).rejects.toMatchObject(refusal("damaged"));
  });

  test("an error of the source is what is thrown, and the source is closed", async () => {
    let closed = false;
    async function* source() {
      try {
        yield gzipSync(content).subarray(0, 10_000);
        throw new Error("connection lost");
      } finally {
        closed = true;
      }
    }
    await expect(decompress(source()).then(({ bytes }) => all(bytes))).rejects.toThrow("connection lost");
    expect(closed).toBe(true);
  });

  test("who stops reading closes the source", async () => {
    let closed = false;
    async function* source() {
      try {
        for (;;) yield gzipSync(content);
      } finally {
        closed = true;
      }
    }
    for await (const chunk of (await decompress(source())).bytes) if (chunk.length > 0) break;
    expect(closed).toBe(true);
  });

  test("xz and bzip2 are called by their names", async () => {
    for (const magic of ["fd377a585a0000", "425a683931415926535900"])
      await expect(decompressed(Buffer.from(magic, "hex"))).rejects.toMatchObject({ kind: "Unimplemented" });
  });
});

describe("diffID — the hash of every uncompressed byte", () => {
  const tar = Buffer.concat([
    archive({ name: "f", data: "x" }),
    Buffer.alloc(4096),
    Buffer.from("something behind the end"),
  ]);
  const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const blobs: Record<string, [Buffer, string]> = {
    plain: [tar, LAYER],
    gzip: [gzipSync(tar), LAYER_GZIP],
    zstd: [zstdCompressSync(tar), LAYER_ZSTD],
    "docker's plain type on gzip": [gzipSync(tar), DOCKER_LAYER],
    "gzip's type on a plain archive": [tar, LAYER_GZIP],
    "an empty archive": [Buffer.alloc(1024), LAYER],
    "no bytes at all": [Buffer.alloc(0), LAYER],
  };
  for (const [what, [blob, mediaType]] of Object.entries(blobs))
    asRoot(what, async () => {
      await using threads = new LayerThreads(1);
      const isGzip = blob[0] === 0x1f;
      const isZstd = blob[0] === 0x28;
      const uncompressed = isGzip ? gunzipSync(blob) : isZstd ? tar : blob;
      for (const apply of [
        (dir: string) => unpack(blob, dir, { mediaType }),
        (dir: string) => threads.apply(inChunks(blob), { ...overlay, mediaType, dir }),
      ]) {
        using scratch = new Scratch();
        const applied = await apply(scratch.layer);
        expect(applied.diffID).toBe(sha256(uncompressed));
        expect(applied.compressedDigest).toBe(sha256(blob));
        expect(applied).toMatchObject({ bytes: uncompressed.length, compressedBytes: blob.length });
        expect(existsSync(join(scratch.layer, "f"))).toBe(uncompressed === tar || uncompressed.equals(tar));
      }
    });

  asRoot("another algorithm, and no digest of the blob", async () => {
    using scratch = new Scratch();
    const applied = await unpack(tar, scratch.layer, { algorithm: "sha512", compressedDigest: "skip" });
    expect(applied.diffID).toBe(`sha512:${createHash("sha512").update(tar).digest("hex")}`);
    expect(applied.compressedDigest).toBeUndefined();
  });

  asRoot("a type that is no layer's", async () => {
    using scratch = new Scratch();
    const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
    await expect(unpack(tar, scratch.layer, { mediaType })).rejects.toMatchObject({ kind: "Unimplemented" });
  });
});
