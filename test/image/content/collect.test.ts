/** Garbage collection: nothing that a name, a living process or the caller needs; everything else. */
import { rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { chainIDs, type DiffID, type Digest } from "../../../src/spec/image/digest.ts";
import { contentDigest } from "./contents.ts";
import { type StoredImage, storeImage, storeIndex } from "./images.ts";
import { Room } from "./room.ts";

const name = "docker.io/library/thing:latest";

/** An image that nothing keeps any more. */
async function unkept(room: Room, layers: readonly string[]): Promise<StoredImage> {
  await using lease = await room.store.lease();
  return await storeImage(room.store, lease, { layers });
}

async function blobsOf(room: Room): Promise<Digest[]> {
  const digests: Digest[] = [];
  for await (const { digest } of room.store.list()) digests.push(digest);
  return digests.sort();
}

function allOf({ manifest, config, layers }: StoredImage): Digest[] {
  return [manifest, config, ...layers].map(({ digest }) => digest).sort();
}

describe("collect", () => {
  test("what nothing needs goes, and the collector says what it was", async () => {
    await using room = await Room.make();
    const image = await unkept(room, ["a", "b"]);
    const { blobs, bytes } = await room.store.collect();
    expect([...blobs].sort()).toEqual(allOf(image));
    expect(bytes).toBe(
      [image.manifest, image.config, ...image.layers].reduce((sum, { size }) => sum + size, 0),
    );
    expect(await blobsOf(room)).toEqual([]);
    expect(room.list("trash")).toEqual([]);
  });

  test("a name keeps its image, and shared layers stay when one of two names goes", async () => {
    await using room = await Room.make();
    const one = await unkept(room, ["shared", "one"]);
    const two = await unkept(room, ["shared", "two"]);
    await room.names.set("a:1", one.manifest);
    await room.names.set("b:1", two.manifest);
    expect((await room.store.collect()).blobs).toEqual([]);
    await room.names.remove("a:1");
    const gone = [one.manifest, one.config, one.layers[1]!].map(({ digest }) => digest).sort();
    expect([...(await room.store.collect()).blobs].sort()).toEqual(gone);
    expect(await blobsOf(room)).toEqual(allOf(two));
  });

  test("an image without a name is kept when it was asked to be", async () => {
    await using room = await Room.make();
    const image = await unkept(room, ["a"]);
    await room.names.change({ keep: [image.manifest] });
    expect((await room.store.collect()).blobs).toEqual([]);
    await room.names.change({ drop: [image.manifest.digest] });
    expect((await room.store.collect()).blobs).toHaveLength(3);
  });

  test("a name of an index keeps the images that were fetched; those that were not are no fault", async () => {
    await using room = await Room.make();
    const here = await unkept(room, ["amd64"]);
    const elsewhere = { ...here.manifest, digest: contentDigest({ seed: "arm64", size: 10 }), size: 10 };
    await using lease = await room.store.lease();
    const index = await storeIndex(room.store, lease, [elsewhere, here.manifest]);
    await room.names.set(name, index);
    await lease[Symbol.asyncDispose]();
    expect((await room.store.collect()).blobs).toEqual([]);
    expect((await room.store.fsck()).problems).toEqual([]);
  });

  for (const what of ["manifest", "config"] as const) {
    test(`a root of the caller's, a ${what}, keeps what it reaches`, async () => {
      await using room = await Room.make();
      const image = await unkept(room, ["a"]);
      const kept = what === "manifest" ? allOf(image) : [image.config.digest];
      await room.store.collect({ roots: () => [image[what].digest] });
      expect(await blobsOf(room)).toEqual(kept);
    });
  }

  test("while locked, the caller learns which snapshots may stay", async () => {
    await using room = await Room.make();
    const image = await unkept(room, ["a", "b"]);
    await unkept(room, ["c"]);
    await room.names.set(name, image.manifest);
    await using lease = await room.store.lease();
    const [leased] = chainIDs([contentDigest({ seed: "s", size: 1 }) as string as DiffID]);
    await lease.keepSnapshots(leased!);
    let seen: string[] = [];
    await room.store.collect({
      whileLocked: ({ chainIDs }) => {
        seen = [...chainIDs].sort();
      },
    });
    expect(seen).toEqual([...chainIDs(image.diffIDs), leased].sort());
  });

  test("a layer of one image that another one calls its manifest hides nothing", async () => {
    await using room = await Room.make();
    const image = await unkept(room, ["a"]);
    await using lease = await room.store.lease();
    const sly = await room.store.put(
      JSON.stringify({
        schemaVersion: 2,
        config: { ...image.config, mediaType: "application/x-no-config" },
        layers: [{ ...image.manifest, mediaType: "application/vnd.oci.image.layer.v1.tar" }],
      }),
      image.manifest.mediaType,
      { lease },
    );
    await room.names.set("a:1", sly);
    await room.names.set("b:1", image.manifest);
    await lease[Symbol.asyncDispose]();
    expect((await room.store.collect()).blobs).toEqual([]);
  });

  test("a damaged manifest: nothing is removed, because what it reached is not known any more", async () => {
    await using room = await Room.make();
    const image = await unkept(room, ["a"]);
    const other = await unkept(room, ["b"]);
    await room.names.set(name, image.manifest);
    rmSync(room.store.path(image.manifest.digest));
    writeFileSync(room.store.path(image.manifest.digest), "{}");
    await expect(room.store.collect()).rejects.toMatchObject({ kind: "Internal" });
    expect(await blobsOf(room)).toEqual([...allOf(image), ...allOf(other)].sort());
  });

  test("an unreadable index.json: nothing is removed", async () => {
    await using room = await Room.make();
    const image = await unkept(room, ["a"]);
    writeFileSync(room.store.directory.index, "");
    await expect(room.store.collect()).rejects.toMatchObject({ kind: "InvalidArgument" });
    expect(await blobsOf(room)).toEqual(allOf(image));
    expect((await room.store.fsck()).problems).toMatchObject([{ kind: "names" }]);
  });

  test("what a collector that was killed left in the trash goes with the next one", async () => {
    await using room = await Room.make();
    writeFileSync(`${room.store.directory.trash}/sha256-of-something`, "x");
    await room.store.collect();
    expect(room.list("trash")).toEqual([]);
  });
});

describe("leases", () => {
  test("a manifest in the lease of another process keeps all of its image, until that process is killed", async () => {
    await using room = await Room.make();
    const image = await unkept(room, ["a", "b"]);
    const holder = room.start({ verb: "hold", digests: [image.manifest.digest] });
    await holder.until("kept");
    expect((await room.store.collect()).blobs).toEqual([]);
    await holder.kill();
    expect(room.list("leases")).toHaveLength(1);
    expect((await room.store.collect()).blobs).toHaveLength(4);
    expect(room.list("leases")).toEqual([]);
  });

  test("a blob is kept from before it exists until the lease ends", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const blob = await room.store.put("hello", "text/plain", { lease });
    expect((await room.store.collect()).blobs).toEqual([]);
    await lease[Symbol.asyncDispose]();
    expect((await room.store.collect()).blobs).toEqual([blob.digest]);
    await expect(lease.keep(blob.digest)).resolves.toBeUndefined(); // what it kept; no new file
    await expect(lease.keep(contentDigest({ seed: "n", size: 1 }))).rejects.toThrow("has ended");
  });

  test("three processes that pull and remove names, and one that collects all the time: no image is ever incomplete", async () => {
    await using room = await Room.make();
    const collector = room.start({ verb: "collect", rounds: 100_000 });
    const pullers = ["p", "q", "r"].map((seed) => room.start({ verb: "pull", rounds: 10, seed }));
    const told = await Promise.all(pullers.map((puller) => puller.end()));
    for (const events of told) {
      expect(events.filter(({ event }) => event === "failed")).toEqual([]);
      expect(events.filter(({ event }) => event === "done")).toHaveLength(10);
    }
    await collector.kill();
    await room.store.collect({ ingestAgeMs: 0 });
    for (const directory of ["blobs/sha256", "ingest", "leases", "trash"]) {
      expect(room.list(directory), directory).toEqual([]);
    }
  }, 120_000);

  test("collectors that are killed at random moments take nothing that is needed", async () => {
    await using room = await Room.make();
    const kept = await unkept(room, ["kept", "shared"]);
    await room.names.set(name, kept.manifest);
    for (let i = 0; i < 10; i++) {
      await unkept(room, [`litter ${i}`, `more ${i}`, "shared"]);
      const collector = room.start({ verb: "collect", rounds: 100_000 });
      await collector.until("opened");
      if (i % 2 === 0) await collector.until("done");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 15));
      await collector.kill();
      expect((await room.store.fsck()).problems).toEqual([]);
    }
    await room.store.collect();
    expect(await blobsOf(room)).toEqual(allOf(kept));
    expect(room.list("trash")).toEqual([]);
  }, 120_000);
});

describe("fsck", () => {
  test("tells of damaged blobs, missing ones and the images that suffer; repair makes them ready to be pulled again", async () => {
    await using room = await Room.make();
    const image = await unkept(room, ["a", "b"]);
    const [bottom, top] = image.layers;
    await room.names.set(name, image.manifest);
    rmSync(room.store.path(top!.digest));
    rmSync(room.store.path(bottom!.digest));
    writeFileSync(room.store.path(bottom!.digest), "?");
    const { problems, images } = await room.store.fsck();
    expect(images).toBe(1);
    expect(problems).toMatchObject([
      { kind: "damaged", digest: bottom!.digest, repaired: false },
      { kind: "missing", digest: top!.digest, images: [name], repaired: false },
    ]);
    expect((await room.store.fsck({ repair: true })).problems[0]).toMatchObject({
      kind: "damaged",
      repaired: true,
    });
    expect(await room.store.has(bottom!.digest)).toBe(false);
    expect(await room.names.get(name)).toBeDefined(); // a pull fetches what is missing
    await unkept(room, ["a", "b"]);
    expect((await room.store.fsck()).problems).toEqual([]);
  });

  test("repair removes a name that leads nowhere", async () => {
    await using room = await Room.make();
    const image = await unkept(room, ["a"]);
    await room.names.set(name, image.manifest);
    rmSync(room.store.path(image.manifest.digest));
    expect((await room.store.fsck({ repair: true })).problems).toMatchObject([
      { kind: "missing", digest: image.manifest.digest, images: [name], repaired: true },
    ]);
    expect(await room.names.list()).toEqual([]);
  });

  test("an index without any of its images is a problem", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const gone = { mediaType: "application/vnd.oci.image.manifest.v1+json", size: 1 };
    const index = await storeIndex(room.store, lease, [
      { ...gone, digest: contentDigest({ seed: "1", size: 1 }) },
      { ...gone, digest: contentDigest({ seed: "2", size: 1 }) },
    ]);
    await room.names.set(name, index);
    expect((await room.store.fsck()).problems).toMatchObject([{ kind: "missing", digest: index.digest }]);
  });
});
