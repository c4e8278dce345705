/** Layers on threads: the same files as on one's own, errors and cancelling included, and nothing left open. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { describe, expect } from "vitest";
import { LayerThreads } from "../../../src/image/layer/threads.ts";
import { archive, type RawEntry } from "../../support/archive.ts";
import { needs } from "../../support/needs.ts";
import { differences, treeOf } from "../../support/tree.ts";
import { inChunks, overlay, Scratch, unpack } from "./unpack.ts";

const asRoot = needs("root");

function tar(files: number): Buffer {
  const entries = Array.from(
    { length: files },
    (_, i): RawEntry => ({ name: `d${i % 17}/f${i}`, data: `${i}`.repeat(i % 4000) }),
  );
  return archive(...entries);
}

const openFds = () => readdirSync("/proc/self/fd").length;

describe("LayerThreads", () => {
  asRoot("several layers at once, more than there are threads", async () => {
    using scratch = new Scratch();
    const bytes = tar(600);
    await unpack(bytes, scratch.layer);
    const wanted = treeOf(scratch.layer, { times: "files" });
    await using threads = new LayerThreads(2);
    const dirs = ["a", "b", "c", "d", "e"].map((name) => scratch.directory(name));
    const blobs = dirs.map((_, i) => (i % 2 === 0 ? bytes : gzipSync(bytes)));
    await Promise.all(dirs.map((dir, i) => threads.apply(inChunks(blobs[i]!, 10_000), { ...overlay, dir })));
    for (const dir of dirs) expect(differences(wanted, treeOf(dir, { times: "files" }))).toEqual([]);
  });

  asRoot("progress goes up to the end", async () => {
    using scratch = new Scratch();
    await using threads = new LayerThreads(1);
    const bytes = tar(3000);
    const seen: number[] = [];
    async function* slowly() {
      for await (const chunk of inChunks(bytes, 1 << 20)) {
        yield chunk;
        await sleep(60);
      }
    }
    await threads.apply(slowly(), {
      ...overlay,
      dir: scratch.layer,
      onProgress: ({ bytes }) => seen.push(bytes),
    });
    expect(seen.length).toBeGreaterThan(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBeLessThanOrEqual(bytes.length);
  });

  asRoot("an error keeps its kind and its site; the next layer is not affected", async () => {
    using scratch = new Scratch();
    await using threads = new LayerThreads(1);
    const bad = Buffer.concat([archive({ name: "../x" }), Buffer.alloc(8 << 20)]);
    await expect(threads.apply(inChunks(bad), { ...overlay, dir: scratch.layer })).rejects.toMatchObject({
      name: "RuntError",
      kind: "InvalidArgument",
      site: { operation: "unpack", subject: 'layer entry "../x"' },
    });
    await threads.apply(inChunks(tar(3)), { ...overlay, dir: scratch.directory("b") });
    expect(readFileSync(join(scratch.path, "b/d1/f1"), "utf8")).toBe("1");
  });

  asRoot("a source that fails", async () => {
    using scratch = new Scratch();
    await using threads = new LayerThreads(1);
    async function* source() {
      yield tar(100).subarray(0, 50_000);
      throw new Error("connection lost");
    }
    await expect(threads.apply(source(), { ...overlay, dir: scratch.layer })).rejects.toThrow(
      "connection lost",
    );
  });

  asRoot("cancelling, before and in the middle; nothing stays open", async () => {
    using scratch = new Scratch();
    await (async () => {
      await using threads = new LayerThreads(1);
      await threads.apply(inChunks(tar(1)), { ...overlay, dir: scratch.directory("first") });
    })();
    const before = openFds();
    await (async () => {
      await using threads = new LayerThreads(1);
      for (const afterBytes of [0, 100_000, 1_000_000]) {
        const abort = new AbortController();
        let closed = false;
        let given = 0;
        async function* source() {
          try {
            for await (const chunk of inChunks(tar(5000), 10_000)) {
              yield chunk;
              given += chunk.length;
              if (given > afterBytes) abort.abort(new Error("enough"));
            }
          } finally {
            closed = true;
          }
        }
        const dir = scratch.directory(`n${afterBytes}`);
        await expect(threads.apply(source(), { ...overlay, dir, signal: abort.signal })).rejects.toThrow(
          "enough",
        );
        expect(closed).toBe(true);
        // Nobody writes any more.
        const files = readdirSync(dir).length;
        await sleep(50);
        expect(readdirSync(dir).length).toBe(files);
      }
      await expect(
        threads.apply(inChunks(tar(1)), {
          ...overlay,
          dir: scratch.directory("z"),
          signal: AbortSignal.abort(new Error("no")),
        }),
      ).rejects.toThrow("no");
    })();
    expect(openFds()).toBe(before);
  });

  asRoot("threads that are done away with while they work", async () => {
    using scratch = new Scratch();
    const threads = new LayerThreads(1);
    async function* endless() {
      for (;;) {
        yield tar(10).subarray(0, -1024);
        await sleep(1);
      }
    }
    const work = threads.apply(endless(), { ...overlay, dir: scratch.layer });
    const outcome = expect(work).rejects.toThrow();
    await sleep(300);
    await threads[Symbol.asyncDispose]();
    await outcome;
  });
});
