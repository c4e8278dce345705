/** Small images for tests, put together by hand: real tar layers, a config and a manifest. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Lease } from "../../../src/image/content/lease.ts";
import type { ContentStore } from "../../../src/image/content/store.ts";
import type { Descriptor } from "../../../src/spec/image/descriptor.ts";
import { type DiffID, digestOf } from "../../../src/spec/image/digest.ts";
import {
  CONFIG,
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  INDEX,
  LAYER,
  LAYER_GZIP,
  LAYER_ZSTD,
  MANIFEST,
} from "../../../src/spec/image/media-types.ts";
import type { Platform } from "../../../src/spec/image/platform.ts";

export interface ImageRecipe {
  /** One layer each, with a file that says this. */
  readonly layers: readonly string[];
  readonly compression?: "none" | "gzip" | "zstd";
  readonly flavour?: "oci" | "docker";
  readonly platform?: Platform;
}

/** What was stored. */
export interface StoredImage {
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly diffIDs: readonly DiffID[];
}

const tars = new Map<string, Buffer>();

/** A tar of one file, `files/<text>`, always the same for a text. */
export function tarOf(text: string): Buffer {
  let tar = tars.get(text);
  if (tar !== undefined) return tar;
  const directory = mkdtempSync(join(tmpdir(), "runt-tar-"));
  try {
    mkdirSync(join(directory, "files"));
    writeFileSync(join(directory, "files", text.replaceAll(/\W/g, "-")), `${text}\n`.repeat(100));
    const { stdout, status, stderr } = spawnSync("tar", [
      "-c",
      "--format=ustar",
      "--sort=name",
      "--mtime=@0",
      "--owner=0",
      "--group=0",
      "-C",
      directory,
      "files",
    ]);
    if (status !== 0) throw new Error(String(stderr));
    tar = stdout;
  } finally {
    rmSync(directory, { recursive: true });
  }
  tars.set(text, tar);
  return tar;
}

const packers = {
  none: { pack: (tar: Buffer) => tar, mediaType: LAYER },
  gzip: { pack: (tar: Buffer) => gzipSync(tar), mediaType: LAYER_GZIP },
  zstd: { pack: (tar: Buffer) => zstdCompressSync(tar), mediaType: LAYER_ZSTD },
};

/** Stores an image under `lease`, layers first, and gives it no name. */
export async function storeImage(
  store: ContentStore,
  lease: Lease,
  recipe: ImageRecipe,
): Promise<StoredImage> {
  const { compression = "gzip", flavour = "oci" } = recipe;
  const platform = recipe.platform ?? { os: "linux", architecture: "amd64" };
  const docker = flavour === "docker";
  const { pack, mediaType } = packers[compression];
  const layers: Descriptor[] = [];
  const diffIDs: DiffID[] = [];
  for (const text of recipe.layers) {
    const tar = tarOf(text);
    diffIDs.push(digestOf(tar) as string as DiffID);
    layers.push(await store.put(pack(tar), docker ? DOCKER_LAYER_GZIP : mediaType, { lease }));
  }
  const configText = JSON.stringify({
    ...platform,
    created: "2020-01-01T00:00:00Z",
    config: { Env: ["PATH=/bin"], Cmd: ["/bin/sh"], Labels: { layers: recipe.layers.join(",") } },
    rootfs: { type: "layers", diff_ids: diffIDs },
    history: recipe.layers.map((text) => ({ created: "2020-01-01T00:00:00Z", created_by: `add ${text}` })),
  });
  const config = await store.put(configText, docker ? DOCKER_CONFIG : CONFIG, { lease });
  const type = docker ? DOCKER_MANIFEST : MANIFEST;
  const document = { schemaVersion: 2, mediaType: type, config, layers };
  const manifest = await store.put(JSON.stringify(document, null, 2), type, { lease });
  return { manifest: { ...manifest, platform }, config, layers, diffIDs };
}

/** Stores an index of images; they need not be there. */
export function storeIndex(
  store: ContentStore,
  lease: Lease,
  manifests: readonly Descriptor[],
): Promise<Descriptor> {
  const document = { schemaVersion: 2, mediaType: INDEX, manifests };
  return store.put(JSON.stringify(document), INDEX, { lease });
}
