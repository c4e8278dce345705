/**
 * What `bench/unpack.ts` measures, in a process of its own: unpacks archives and prints how long it took, and how much
 * memory, as JSON.
 *
 * ```
 * node unpack-program.mjs threads:N|here|gunzip DIR FILE…
 * ```
 */
import { mkdirSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { applyLayer } from "../src/image/layer/apply.ts";
import { LayerThreads } from "../src/image/layer/threads.ts";
import { LAYER } from "../src/spec/image/media-types.ts";

/** One buffer for all of a file. */
async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array, void> {
  const buffer = Buffer.alloc(256 * 1024);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

const [mode = "here", dir = "", ...files] = process.argv.slice(2);
const threads = mode.startsWith("threads:") ? new LayerThreads(Number(mode.slice(8))) : undefined;
const idleBytes = process.memoryUsage().rss;
const begin = performance.now();
const cpu = process.cpuUsage();
const diffIDs = await Promise.all(files.map(unpack));
const ms = performance.now() - begin;
const { user, system } = process.cpuUsage(cpu);
await threads?.[Symbol.asyncDispose]();
const maxBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000, idleBytes, maxBytes, diffIDs }));

async function unpack(path: string, i: number): Promise<string> {
  await using file = await open(path);
  if (mode === "gunzip") {
    const gunzip = createGunzip({ chunkSize: 256 * 1024 });
    file.createReadStream({ highWaterMark: 256 * 1024, autoClose: false }).pipe(gunzip);
    for await (const _ of gunzip);
    return "";
  }
  const target = join(dir, String(i));
  mkdirSync(target, { recursive: true });
  const options = { mediaType: LAYER, dir: target, target: "overlay", userXattr: false } as const;
  const chunks = chunksOf(file);
  return (await (threads ? threads.apply(chunks, options) : applyLayer(chunks, options))).diffID;
}
