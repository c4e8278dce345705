/** Images of any size at a registry, made without ever being in memory. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { putImage } from "../../src/image/archive/put-image.ts";
import { storeLayer } from "../../src/image/archive/store-layer.ts";
import { fullName, parseReference } from "../../src/image/reference/reference.ts";
import { ImageStore } from "../../src/image/store.ts";
import type { Compression } from "../../src/spec/image/media-types.ts";
import { end, header } from "./archive.ts";

/** One layer: so many files, all of one size. */
export interface LayerSize {
  readonly files: number;
  readonly bytesEach: number;
  readonly compress: Compression;
  /** "random" bytes stay as they are under compression, "text" becomes a third or so, "zeros" next to nothing. */
  readonly content: "random" | "text" | "zeros";
}

/** Makes an image and pushes it to `name`, at a registry of plain HTTP. */
export async function pushImage(name: string, sizes: readonly LayerSize[]): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "runt-big-image-"));
  try {
    const images = await ImageStore.open(root);
    const { content, names } = images.stores;
    await using lease = await content.lease();
    const stored = [];
    for (const [i, { compress, ...size }] of sizes.entries()) {
      const options = { lease, compress, what: `layer ${i}`, operation: "test" };
      stored.push(await storeLayer(content, layerTar(size, i + 1), options));
    }
    const config = JSON.stringify({
      os: "linux",
      architecture: { x64: "amd64" }[process.arch as "x64"] ?? process.arch,
      config: {},
      rootfs: { type: "layers", diff_ids: stored.map(({ diffID }) => diffID) },
      history: [],
    });
    const layers = stored.map(({ layer }) => layer);
    const { manifest } = await putImage(content, config, layers, { lease });
    const full = fullName(parseReference(name));
    await names.set(full, manifest);
    await images.push(full);
  } finally {
    await rm(root, { recursive: true });
  }
}

async function* layerTar(
  { files, bytesEach, content }: Omit<LayerSize, "compress">,
  seed: number,
): AsyncGenerator<Uint8Array> {
  const block = blockOf(content, seed);
  for (let i = 0; i < files; i++) {
    yield header({ name: `layer${seed}/directory${i >> 8}/file${i}`, size: bytesEach });
    for (let at = 0; at < bytesEach; at += block.length) {
      // No two blocks are the same, or the compression would see that.
      if (content !== "zeros") block.writeUInt32LE((seed * 7919 + i * 31 + at) >>> 0, at % 1024);
      yield Buffer.from(block.subarray(0, Math.min(block.length, bytesEach - at)));
    }
    yield Buffer.alloc(-bytesEach & 511);
  }
  yield end;
}

/** The same for the same seed. */
function blockOf(content: LayerSize["content"], seed: number): Buffer {
  const block = Buffer.alloc(1 << 20);
  if (content === "zeros") return block;
  let x = seed;
  for (let i = 0; i < block.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    block[i] =
      content === "random"
        ? x >>> 24
        : "etaoin shrdlu\n"[("etaoin shrdlu\n".length * (x / 2 ** 32)) | 0]!.charCodeAt(0);
  }
  return block;
}
