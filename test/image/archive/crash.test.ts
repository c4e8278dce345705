/** Processes that load and save archives: killed at any moment, two at once, with layers larger than memory. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { putImage } from "../../../src/image/archive/put-image.ts";
import { archiveOf } from "../../../src/image/archive/save.ts";
import { writeWhole } from "../../../src/image/archive/write-file.ts";
import { LAYER } from "../../../src/spec/image/media-types.ts";
import { compiled } from "../../support/compiled.ts";
import { bytesOf, contentDigest } from "../content/contents.ts";
import { Room } from "../content/room.ts";
import type { Order, Outcome } from "./archive-process.ts";

const program = compiled(join(import.meta.dirname, "archive-process.ts"));

/** Starts it; it can be killed, and is waited for. */
function start(order: Order) {
  const child = spawn(process.execPath, [program, JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (bytes: Buffer) => {
    text += bytes;
  });
  const closed = once(child, "close");
  return {
    async started(): Promise<void> {
      while (!text.startsWith("started\n") && child.exitCode === null) await sleep(1);
    },
    async kill(): Promise<void> {
      child.kill("SIGKILL");
      await closed;
    },
    async end(): Promise<Outcome> {
      const [code] = await closed;
      expect(code).toBe(0);
      return JSON.parse(text.slice("started\n".length)) as Outcome;
    },
  };
}

/** An archive of images that share a layer; their layers are no tars, which nobody here looks at. */
async function archive(room: Room, images: number, layerBytes: number): Promise<string> {
  await using lease = await room.store.lease();
  const wanted = [];
  for (let i = 0; i < images; i++) {
    const layers = [];
    for (const seed of ["shared", `layer ${i}`]) {
      const content = { seed, size: layerBytes };
      const descriptor = { mediaType: LAYER, digest: contentDigest(content), size: layerBytes };
      const opened = await room.store.ingest(descriptor, { lease });
      if (opened !== "present") {
        await using ingest = opened;
        for (const chunk of bytesOf(content)) await ingest.write(chunk);
        await ingest.commit();
      }
      layers.push(descriptor);
    }
    const rootfs = { type: "layers", diff_ids: layers.map(({ digest }) => digest) };
    const config = JSON.stringify({ os: "linux", architecture: "amd64", rootfs });
    const { manifest } = await putImage(room.store, config, layers, { lease });
    wanted.push({ names: [`docker.io/library/i${i}:1`], target: manifest });
  }
  const path = room.path("archive.tar");
  await writeWhole(path, archiveOf(room.store, wanted, { format: "docker-archive" }));
  return path;
}

describe("kill -9", () => {
  test("of loads at random moments: no name, or all of them with whole images; a last one ends the work", async () => {
    await using room = await Room.make();
    const path = await archive(room, 3, 3_000_000);
    await using other = await Room.make();
    for (let i = 0; i < 12; i++) {
      const load = start({ root: other.root, load: path });
      await load.started();
      await sleep(Math.random() * 150);
      await load.kill();
      const { problems, images } = await other.store.fsck();
      expect(problems).toEqual([]);
      expect([0, 3]).toContain(images);
      if (images === 3) {
        await other.names.change({ remove: [0, 1, 2].map((n) => `docker.io/library/i${n}:1`) });
        await other.store.collect();
      }
    }
    expect((await start({ root: other.root, load: path }).end()).names).toHaveLength(3);
    expect((await other.store.fsck()).problems).toEqual([]);
    await other.store.collect({ ingestAgeMs: 0 });
    expect(other.list("blobs/sha256")).toEqual(room.list("blobs/sha256"));
    expect(other.list("ingest")).toEqual([]);
    expect(other.list("leases")).toEqual([]);
  }, 120_000);

  test("of a save: the file that was there stays", async () => {
    await using room = await Room.make();
    const path = await archive(room, 1, 3_000_000);
    await start({ root: room.root, load: path }).end();
    const whole = readFileSync(path);
    for (let i = 0; i < 6; i++) {
      writeFileSync(room.path("out.tar"), "old");
      const save = start({ root: room.root, save: room.path("out.tar") });
      await save.started();
      await sleep(Math.random() * 60);
      await save.kill();
      const left = readFileSync(room.path("out.tar"));
      expect(left.equals(Buffer.from("old")) || left.equals(whole)).toBe(true);
    }
    await room.store.collect();
    expect(readdirSync(room.store.directory.leases)).toEqual([]);
  }, 120_000);
});

describe("load", () => {
  test("four at once of the same archive all get their images", async () => {
    await using room = await Room.make();
    const path = await archive(room, 3, 1_000_000);
    await using other = await Room.make();
    const all = await Promise.all([1, 2, 3, 4].map(() => start({ root: other.root, load: path }).end()));
    for (const { names } of all) expect(names).toHaveLength(3);
    expect(other.list("blobs/sha256")).toEqual(room.list("blobs/sha256"));
    expect(other.list("ingest")).toEqual([]);
  });

  test("and save of layers of 100 MB need no more memory than small ones", async () => {
    await using room = await Room.make();
    const small = await archive(room, 1, 1000);
    await using first = await Room.make();
    const order = (at: Room, load: string) => ({ root: at.root, load, save: at.path("saved.tar") });
    const idle = await start(order(first, small)).end();
    const large = await archive(room, 1, 100_000_000);
    await using second = await Room.make();
    const busy = await start(order(second, large)).end();
    expect(busy.maxRssKb - idle.maxRssKb).toBeLessThan(120_000);
  }, 120_000);
});
