/** A blob on its way into the store: seen when it is whole, right and on disk, never before. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Ingest } from "../../../src/image/content/ingest.ts";
import { ContentStore } from "../../../src/image/content/store.ts";
import { type Digest, digestOf } from "../../../src/spec/image/digest.ts";
import { bytesOf, contentDigest, wholeOf } from "./contents.ts";
import { Room } from "./room.ts";

const content = { seed: "a blob", size: 3_000_001 };
const digest = contentDigest(content);
const descriptor = { mediaType: "application/octet-stream", digest, size: content.size };

function opened(result: Ingest | "present"): Ingest {
  if (result === "present") throw new Error("the blob is there already");
  return result;
}

describe("a store — image-spec image-layout.md", () => {
  test("is an image layout for its owner only", async () => {
    await using room = await Room.make();
    const { path } = room.store.directory;
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(`${path}/oci-layout`, "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
    expect(JSON.parse(readFileSync(`${path}/index.json`, "utf8"))).toMatchObject({
      schemaVersion: 2,
      manifests: [],
    });
  });

  test("can be opened by several processes that all find none", async () => {
    await using room = await Room.make();
    const root = room.path("new");
    const processes = [1, 2, 3, 4].map(() => room.start({ verb: "open" }, { root }));
    for (const each of processes) expect(await each.end()).toEqual([{ event: "opened" }]);
    expect((await (await ContentStore.open(root)).fsck()).problems).toEqual([]);
  });

  test("tells of a blob that is not there: NotFound", async () => {
    await using room = await Room.make();
    const refusal = {
      name: "RuntError",
      kind: "NotFound",
      site: { operation: "content", subject: `blob ${digest}` },
    };
    expect(await room.store.has(digest)).toBe(false);
    await expect(room.store.stat(digest)).rejects.toMatchObject(refusal);
    await expect(room.store.open(digest)).rejects.toMatchObject(refusal);
    await expect(room.store.readSmall(digest)).rejects.toMatchObject(refusal);
  });

  test("verifies a small blob when it is read, and reads no large one into memory", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const { digest: small } = await room.store.put("{}", "application/json", { lease });
    expect(String(await room.store.readSmall(small))).toBe("{}");
    await expect(room.store.readSmall(small, 1)).rejects.toMatchObject({ kind: "InvalidArgument" });
    writeFileSync(room.store.path(small), "[]");
    await expect(room.store.readSmall(small)).rejects.toMatchObject({ kind: "Internal" });
  });
});

describe("ingest", () => {
  test("a blob is there after commit, read-only, and then present", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    await using ingest = opened(await room.store.ingest(descriptor, { lease }));
    for (const chunk of bytesOf(content, { chunkBytes: 70_001 })) {
      await ingest.write(chunk);
      expect(await room.store.has(digest)).toBe(false);
    }
    expect(await ingest.commit()).toBe(digest);
    expect(readFileSync(room.store.path(digest)).equals(wholeOf(content))).toBe(true);
    expect(statSync(room.store.path(digest)).mode & 0o777).toBe(0o444);
    expect(room.list("ingest")).toEqual([]);
    expect(await room.store.ingest(descriptor, { lease })).toBe("present");
    expect(await room.store.stat(digest)).toEqual({ digest, size: content.size });
  });

  test("a caller may use its buffer again", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    await using ingest = opened(await room.store.ingest({}, { lease }));
    const buffer = Buffer.alloc(300_000);
    const hash = createHash("sha256");
    for (let i = 0; i < 20; i++) {
      buffer.fill(i);
      hash.update(buffer);
      await ingest.write(buffer);
    }
    const found = await ingest.commit();
    expect(found).toBe(`sha256:${hash.digest("hex")}`);
    expect(digestOf(readFileSync(room.store.path(found)))).toBe(found);
  });

  for (const algorithm of ["sha256", "sha512"] as const) {
    test(`digests by ${algorithm} are verified, an empty blob's too`, async () => {
      await using room = await Room.make();
      await using lease = await room.store.lease();
      for (const size of [0, 1, 1 << 20, (1 << 20) + 1]) {
        const wanted = contentDigest({ seed: "x", size }, algorithm);
        await using ingest = opened(await room.store.ingest({ digest: wanted, size }, { lease }));
        for (const chunk of bytesOf({ seed: "x", size })) await ingest.write(chunk);
        expect(await ingest.commit()).toBe(wanted);
      }
      expect(await room.store.fsck()).toMatchObject({ blobs: 4, problems: [] });
    });
  }

  test("another digest: refused, and nothing is left", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    await using ingest = opened(await room.store.ingest(descriptor, { lease }));
    for (const chunk of bytesOf({ ...content, seed: "others" })) await ingest.write(chunk);
    await expect(ingest.commit()).rejects.toMatchObject({
      kind: "FailedPrecondition",
      site: { operation: "content", subject: `blob ${digest}` },
    });
    expect(room.list("ingest")).toEqual([]);
    expect(await room.store.has(digest)).toBe(false);
  });

  test("a longer blob: refused at the first byte too many, and nothing is left", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    await using ingest = opened(await room.store.ingest({ digest, size: 10 }, { lease }));
    await ingest.write(Buffer.alloc(10));
    await expect(ingest.write(Buffer.alloc(1))).rejects.toMatchObject({ kind: "FailedPrecondition" });
    expect(room.list("ingest")).toEqual([]);
  });

  test("a shorter blob: refused, and what is there is gone on with", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const whole = wholeOf(content);
    {
      await using ingest = opened(await room.store.ingest(descriptor, { lease }));
      await ingest.write(whole.subarray(0, 2_000_000));
      await expect(ingest.commit()).rejects.toMatchObject({ kind: "FailedPrecondition" });
    }
    await using again = opened(await room.store.ingest(descriptor, { lease }));
    expect(again.offset).toBe(2_000_000);
    const replayed: Buffer[] = [];
    for await (const piece of again.replay()) replayed.push(Buffer.from(piece));
    expect(Buffer.concat(replayed).equals(whole.subarray(0, 2_000_000))).toBe(true);
    await again.write(whole.subarray(2_000_000));
    expect(await again.commit()).toBe(digest);
    expect(readFileSync(room.store.path(digest)).equals(whole)).toBe(true);
  });

  test("wrong bytes left by an earlier try are found out, and the next try starts from nothing", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    writeFileSync(room.store.directory.ingest(digest), Buffer.alloc(1_000_000, 1));
    {
      await using ingest = opened(await room.store.ingest(descriptor, { lease }));
      expect(ingest.offset).toBe(1_000_000);
      for (const chunk of bytesOf(content, { start: ingest.offset })) await ingest.write(chunk);
      await expect(ingest.commit()).rejects.toMatchObject({ kind: "FailedPrecondition" });
    }
    await using ingest = opened(await room.store.ingest(descriptor, { lease }));
    expect(ingest.offset).toBe(0);
  });

  test("more bytes than the blob has, left by an earlier try: starts from nothing", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    writeFileSync(room.store.directory.ingest(digest), Buffer.alloc(content.size + 1));
    await using ingest = opened(await room.store.ingest(descriptor, { lease }));
    expect(ingest.offset).toBe(0);
    for (const chunk of bytesOf(content)) await ingest.write(chunk);
    expect(await ingest.commit()).toBe(digest);
  });

  test("a source that cannot start in the middle: restart", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    await using ingest = opened(await room.store.ingest(descriptor, { lease }));
    await ingest.write(Buffer.alloc(1_500_000, 7));
    await ingest.restart();
    expect(ingest.offset).toBe(0);
    for (const chunk of bytesOf(content)) await ingest.write(chunk);
    expect(await ingest.commit()).toBe(digest);
  });

  test("a digest that is known at the end only, twice: one blob, and nothing is left of the other", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    for (let i = 0; i < 2; i++) {
      await using ingest = opened(await room.store.ingest({}, { lease }));
      for (const chunk of bytesOf(content)) await ingest.write(chunk);
      expect(await ingest.commit()).toBe(digest);
    }
    {
      await using _given_up = opened(await room.store.ingest({}, { lease }));
      await _given_up.write(Buffer.alloc(10));
    }
    expect(room.list("ingest")).toEqual([]);
    expect(room.list("blobs/sha256")).toHaveLength(1);
  });

  test("the store has it with another size than the descriptor says: refused", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const stored = await room.store.put("hello", "text/plain", { lease });
    await expect(room.store.ingest({ ...stored, size: 6 }, { lease })).rejects.toMatchObject({
      kind: "InvalidArgument",
    });
    expect(await room.store.has(stored.digest)).toBe(true);
  });

  test("the store has it cut short by a broken disk: fetched again", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const stored = await room.store.put("hello", "text/plain", { lease });
    writeFileSync(room.store.path(stored.digest), "hel");
    await using ingest = opened(await room.store.ingest(stored, { lease }));
    await ingest.write(Buffer.from("hello"));
    await ingest.commit();
    expect(String(await room.store.readSmall(stored.digest))).toBe("hello");
  });

  test("two at once in one process: the second waits for the first", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const first = opened(await room.store.ingest(descriptor, { lease }));
    const second = room.store.ingest(descriptor, { lease });
    for (const chunk of bytesOf(content)) await first.write(chunk);
    await first.commit();
    expect(await second).toBe("present");
    expect(room.list("ingest")).toEqual([]);
  });

  test("waiting ends with its signal", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    await using _first = opened(await room.store.ingest(descriptor, { lease }));
    const controller = new AbortController();
    const second = room.store.ingest(descriptor, { lease, signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toThrow(/abort/i);
  });

  test("reading a blob goes on when it is collected meanwhile", async () => {
    await using room = await Room.make();
    {
      await using lease = await room.store.lease();
      await using ingest = opened(await room.store.ingest(descriptor, { lease }));
      for (const chunk of bytesOf(content)) await ingest.write(chunk);
      await ingest.commit();
    }
    const hash = createHash("sha256");
    for await (const piece of room.store.read(digest)) {
      if (await room.store.has(digest)) await room.store.collect();
      hash.update(piece);
    }
    expect(`sha256:${hash.digest("hex")}` as Digest).toBe(digest);
    expect(existsSync(room.store.path(digest))).toBe(false);
  });
});
