/** What the tests of layers have in common: a directory of one's own, and a layer written into it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AppliedLayer, type ApplyOptions, applyLayer } from "../../../src/image/layer/apply.ts";
import { LAYER } from "../../../src/spec/image/media-types.ts";

/** A directory with a layer's in it, among others that must stay as they are. Gone when disposed of. */
export class Scratch implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "runt-layer-"));
  /** Where the layer goes. */
  readonly layer = join(this.path, "layer");
  /** What hostile layers are after. */
  readonly outside = join(this.path, "outside");

  constructor() {
    mkdirSync(this.layer);
    mkdirSync(join(this.outside, "etc"), { recursive: true });
    writeFileSync(join(this.outside, "etc/passwd"), "root:x:0:0\n");
  }

  directory(name: string): string {
    const path = join(this.path, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const overlay: Omit<ApplyOptions, "dir"> = { mediaType: LAYER, target: "overlay", userXattr: false };
export const flat: Omit<ApplyOptions, "dir"> = { ...overlay, target: "flat" };

/** Bytes as they might come over a network. */
export async function* inChunks(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Writes an archive into `dir`. */
export function unpack(
  bytes: Uint8Array,
  dir: string,
  options: Partial<ApplyOptions> & { chunkSize?: number } = {},
): Promise<AppliedLayer> {
  const { chunkSize, ...rest } = options;
  return applyLayer(inChunks(bytes, chunkSize), { ...overlay, ...rest, dir });
}
