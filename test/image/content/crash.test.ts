/** Processes that share a store, and die: kill -9 at any moment leaves nothing visible, or a whole blob. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { needs } from "../../support/needs.ts";
import { contentDigest } from "./contents.ts";
import { Room } from "./room.ts";

function contentOf(seed: string, size: number) {
  const content = { seed, size };
  return { ...content, digest: contentDigest(content) };
}

describe("kill -9 while a blob is fetched", () => {
  test("25 times at a random moment: the blob is not there, or whole; the last process ends the work", async () => {
    await using room = await Room.make();
    const content = contentOf("struck", 6_000_000);
    let committed = 0;
    for (let i = 0; i < 25; i++) {
      const size = content.size;
      const process = room.start({ verb: "ingest", content, chunkBytes: 1 << 16, pauseMs: 0 });
      await process.until("opened");
      // Somewhere in it: the chunks are told of, so this is a random number of them and then a bit of time.
      const strikes = Math.floor(Math.random() * (size / 65536) * 1.1);
      for (let n = 0; n < strikes; n++) if ((await process.next()) === undefined) break;
      if (Math.random() < 0.5) await sleep(Math.random() * 10);
      await process.kill();
      const there = await room.store.has(content.digest);
      const { problems, blobs } = await room.store.fsck();
      expect(problems).toEqual([]);
      expect(blobs).toBe(there ? 1 : 0);
      expect(room.list("ingest").length).toBeLessThanOrEqual(1);
      if (there) {
        committed++;
        await room.store.collect(); // and so to the next round
      }
    }
    const last = room.start({ verb: "ingest", content, chunkBytes: 1 << 16, pauseMs: 0 });
    await last.end();
    expect(await room.store.has(content.digest)).toBe(true);
    expect(room.list("ingest")).toEqual([]);
    expect((await room.store.fsck()).problems).toEqual([]);
    expect(committed).toBeLessThan(25); // else nothing was struck
  }, 120_000);

  test("who waits for the dead one goes on where it stopped", async () => {
    await using room = await Room.make();
    const content = contentOf("waited for", 8 << 20);
    const order = { verb: "ingest", content, chunkBytes: 1 << 20 } as const;
    const first = room.start({ ...order, pauseMs: 60_000 });
    // Two pieces of a megabyte: by the second one the first is on its way to the file.
    await first.until("wrote");
    await expect.poll(() => existsSync(room.store.directory.ingest(content.digest))).toBe(true);
    const second = room.start({ ...order, pauseMs: 0 });
    await second.until("opened");
    await expect.poll(() => readFileSync(room.store.directory.ingest(content.digest)).length).toBe(1 << 20);
    await first.kill();
    expect(await second.until("ingest")).toEqual({ event: "ingest", offset: 1 << 20 });
    await second.until("committed");
    await second.end();
    expect((await room.store.fsck()).problems).toEqual([]);
  });

  test("what it left is swept once it is old, and at once where it cannot be gone on with", async () => {
    await using room = await Room.make();
    const content = contentOf("left", 4 << 20);
    const process = room.start({ verb: "ingest", content, chunkBytes: 1 << 20, pauseMs: 60_000 });
    await process.until("wrote");
    expect(await room.store.collect({ ingestAgeMs: 0 })).toMatchObject({ ingests: 0 });
    await process.kill();
    expect(await room.store.collect()).toMatchObject({ ingests: 0 });
    expect(room.list("ingest")).toHaveLength(1);
    expect(await room.store.collect({ ingestAgeMs: 0 })).toMatchObject({ ingests: 1 });
    expect(room.list("ingest")).toEqual([]);
    expect(room.list("leases")).toEqual([]);
  });
});

describe("processes at the same time", () => {
  test("six that fetch the same blob fetch it once", async () => {
    await using room = await Room.make();
    const content = contentOf("once", 5_000_000);
    const processes = [1, 2, 3, 4, 5, 6].map(() =>
      room.start({ verb: "ingest", content, chunkBytes: 1 << 16, pauseMs: 1 }),
    );
    const events = (await Promise.all(processes.map((process) => process.end()))).flat();
    const bytes = events.reduce((sum, event) => sum + (event.event === "wrote" ? event.bytes : 0), 0);
    expect(bytes).toBe(content.size);
    expect(events.filter(({ event }) => event === "committed")).toHaveLength(1);
    expect(events.filter(({ event }) => event === "present")).toHaveLength(5);
    expect(room.list("ingest")).toEqual([]);
    expect(room.list("leases")).toEqual([]);
  });

  test("six of which the one at work is killed again and again still fetch each byte once, but for what was in memory", async () => {
    await using room = await Room.make();
    const content = contentOf("relay", 12 << 20);
    const processes = [1, 2, 3, 4, 5, 6].map(() =>
      room.start({ verb: "ingest", content, chunkBytes: 1 << 18, pauseMs: 2 }),
    );
    const waiting = new Set(processes);
    // Each in its turn, as soon as it has the blob and has written two megabytes.
    await Promise.all(
      processes.map(async (process, i) => {
        const first = await process.until("opened").then(() => process.next());
        if (first?.event !== "ingest" || i === 5) return;
        for (let bytes = 0; bytes < 2 << 20; ) {
          const event = await process.next();
          if (event?.event !== "wrote") return;
          bytes += event.bytes;
        }
        if (waiting.size === 1) return; // someone must end it
        waiting.delete(process);
        await process.kill();
      }),
    );
    const events = (await Promise.all([...waiting].map((process) => process.end()))).flat();
    expect(events.filter(({ event }) => event === "committed")).toHaveLength(1);
    const all = processes.flatMap((process) => process.events);
    const fetched = all.reduce((sum, event) => sum + (event.event === "wrote" ? event.bytes : 0), 0);
    const lost = fetched - content.size;
    expect(lost).toBeGreaterThanOrEqual(0);
    // Two buffers of a megabyte for each that was killed, and a chunk that was not told of.
    expect(lost).toBeLessThanOrEqual((processes.length - waiting.size) * (2 << 20));
    expect((await room.store.fsck()).problems).toEqual([]);
  }, 120_000);
});

describe("the disk", () => {
  needs("program:strace")(
    "a blob's bytes are on disk before its name is, and its name before commit ends",
    async () => {
      await using room = await Room.make();
      const content = contentOf("durable", 100_000);
      const log = room.path("strace");
      const calls = "trace=fsync,fdatasync,rename,renameat,renameat2,write";
      const wrapper = ["strace", "-f", "-y", "-s", "200", "-e", calls, "-o", log];
      const process = room.start({ verb: "ingest", content, chunkBytes: 1 << 16, pauseMs: 0 }, { wrapper });
      await process.end();
      const lines = readFileSync(log, "utf8").split("\n");
      const { directory } = room.store;
      const at = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line));
      const hex = content.digest.slice(7);
      const synced = at(new RegExp(`fsync\\(\\d+<${directory.ingests}/sha256-${hex}`));
      const renamed = at(new RegExp(`rename\\w*\\(.*ingest/sha256-${hex}.*blobs/sha256/${hex}`));
      const published = at(new RegExp(`fsync\\(\\d+<${directory.blobs}/sha256>`));
      const told = at(/committed/);
      expect(synced).toBeGreaterThanOrEqual(0);
      expect(renamed).toBeGreaterThan(synced);
      expect(published).toBeGreaterThan(renamed);
      expect(told).toBeGreaterThan(published);
    },
  );

  needs("root")("full: an error that says so, and nothing is left", async () => {
    await using room = await Room.make();
    const content = contentOf("too much", 16 << 20);
    // A file system of four megabytes that only that process and what it starts have.
    const script = `mkdir -p "$0" && mount -t tmpfs -o size=4m none "$0" && "$@"; find "$0" -type f -size +8k`;
    const root = room.path("small");
    const wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, root];
    const process = room.start(
      { verb: "ingest", content, chunkBytes: 1 << 16, pauseMs: 0 },
      { root, wrapper },
    );
    const failed = await process.until("failed");
    expect(failed).toMatchObject({ kind: "Unavailable", code: "ENOSPC" });
    expect(failed.message).toMatch(/cannot store the blob: .*no space left/i);
    expect(await process.next()).toBeUndefined(); // what find prints is no JSON and would throw
  });

  test("300 MB are stored without being held in memory", async () => {
    await using room = await Room.make();
    const small = room.start({ verb: "ingest", content: contentOf("s", 1), chunkBytes: 1, pauseMs: 0 });
    const idle = await small.until("committed");
    const content = contentOf("large", 300_000_000);
    const large = room.start({ verb: "ingest", content, chunkBytes: 1 << 18, pauseMs: 0 });
    const busy = await large.until("committed");
    expect(busy.maxRssKb - idle.maxRssKb).toBeLessThan(100_000);
  }, 120_000);
});

test("the machine has flock(1), which sees our locks", async () => {
  await using room = await Room.make();
  using _lock = await room.store.directory.lock();
  expect(spawnSync("flock", ["-n", room.store.directory.path, "true"]).status).toBe(1);
});
