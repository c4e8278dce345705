/** Names of images, in index.json of the store. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { needs } from "../../support/needs.ts";
import { contentDigest } from "../content/contents.ts";
import { storeImage } from "../content/images.ts";
import { Room } from "../content/room.ts";

async function anImage(room: Room, layers: readonly string[]) {
  await using lease = await room.store.lease();
  return await storeImage(room.store, lease, { layers });
}

describe("names — image-spec image-layout.md#indexjson-file", () => {
  test("are set, moved and removed; each tells what was there before", async () => {
    await using room = await Room.make();
    const [{ manifest: one }, { manifest: two }] = [await anImage(room, ["1"]), await anImage(room, ["2"])];
    expect(await room.names.get("a:1")).toBeUndefined();
    expect(await room.names.set("a:1", one)).toBeUndefined();
    expect(await room.names.set("b:1", one)).toBeUndefined();
    expect(await room.names.set("a:1", two)).toEqual(one);
    expect(await room.names.list()).toEqual([
      { name: "a:1", descriptor: two },
      { name: "b:1", descriptor: one },
    ]);
    expect(await room.names.remove("a:1")).toEqual(two);
    expect(await room.names.remove("a:1")).toBeUndefined();
    expect(await room.names.get("b:1")).toEqual(one);
  });

  test("several change together, or none does", async () => {
    await using room = await Room.make();
    const { manifest } = await anImage(room, ["1"]);
    const absent = { ...manifest, digest: contentDigest({ seed: "absent", size: 1 }) };
    await room.names.set("old:1", manifest);
    const set = new Map([
      ["a:1", manifest],
      ["b:1", absent],
    ]);
    await expect(room.names.change({ set, remove: ["old:1"] })).rejects.toMatchObject({
      kind: "NotFound",
      site: { subject: `image ${absent.digest}` },
    });
    expect((await room.names.list()).map(({ name }) => name)).toEqual(["old:1"]);
    set.set("b:1", manifest);
    await room.names.change({ set, remove: ["old:1"] });
    expect((await room.names.list()).map(({ name }) => name)).toEqual(["a:1", "b:1"]);
  });

  test("nobody else changes them, or collects, while a change looks around", async () => {
    await using room = await Room.make();
    const { manifest } = await anImage(room, ["1"]);
    await room.names.set("a:1", manifest);
    const { path } = room.store.directory;
    const isFree = () => spawnSync("flock", ["--nonblock", path, "true"]).status === 0;
    const free: boolean[] = [isFree()];
    let names: unknown;
    await room.names.change({
      remove: ["a:1"],
      whileLocked() {
        free.push(isFree());
        names = JSON.parse(readFileSync(room.store.directory.index, "utf8")).manifests.length;
      },
    });
    free.push(isFree());
    expect(free).toEqual([true, false, true]);
    expect(names).toBe(1);
    const error = new Error("no");
    const whileLocked = () => {
      throw error;
    };
    await expect(room.names.change({ set: new Map([["b:1", manifest]]), whileLocked })).rejects.toBe(error);
    expect(await room.names.list()).toEqual([]);
  });

  for (const name of ["", "a b", "a\nb", "a\u0000", "x".repeat(1025)]) {
    test(`${JSON.stringify(name.slice(0, 10))} is no name`, async () => {
      await using room = await Room.make();
      const { manifest } = await anImage(room, ["1"]);
      await expect(room.names.set(name, manifest)).rejects.toMatchObject({ kind: "InvalidArgument" });
    });
  }

  test("annotations and platform of a descriptor are kept", async () => {
    await using room = await Room.make();
    const { manifest } = await anImage(room, ["1"]);
    const told = { ...manifest, annotations: { "org.opencontainers.image.created": "2020-01-01T00:00:00Z" } };
    await room.names.set("a:1", told);
    expect(await room.names.get("a:1")).toEqual(told);
  });

  test("four processes that each set ten names: none is lost, and whoever reads meanwhile sees a whole file", async () => {
    await using room = await Room.make();
    const { manifest } = await anImage(room, ["1"]);
    const processes = ["p", "q", "r", "s"].map((prefix) =>
      room.start({
        verb: "name",
        names: Array.from({ length: 10 }, (_, i) => `${prefix}:${i}`),
        digest: manifest.digest,
      }),
    );
    const ends = Promise.all(processes.map((process) => process.end()));
    let running = true;
    void ends.then(() => {
      running = false;
    });
    while (running) {
      await room.names.list();
      JSON.parse(readFileSync(room.store.directory.index, "utf8"));
    }
    for (const events of await ends) expect(events.at(-1)).toEqual({ event: "done" });
    expect(await room.names.list()).toHaveLength(40);
  });

  test("a process that is killed while it sets names leaves those that it set", async () => {
    await using room = await Room.make();
    const { manifest } = await anImage(room, ["1"]);
    for (let i = 0; i < 10; i++) {
      const names = Array.from({ length: 200 }, (_, n) => `round${i}:${n}`);
      const process = room.start({ verb: "name", names, digest: manifest.digest });
      await process.until("opened");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
      await process.kill();
      const set = (await room.names.list()).filter(({ name }) => name?.startsWith(`round${i}:`));
      const expected = names.slice(0, set.length).sort();
      expect(set.map(({ name }) => name)).toEqual(expected);
    }
    await room.names.set("after:1", manifest);
    expect((await room.store.fsck()).problems).toEqual([]);
  }, 120_000);

  needs("root")("on a full disk: an error that says so, and the names that were there", async () => {
    await using room = await Room.make();
    const { manifest } = await anImage(room, ["1"]);
    await room.names.set("old:1", manifest);
    // A copy on a small file system that only that process has, filled to the last block; then what it says.
    const root = room.path("small");
    const script = `mkdir "$0" && mount -t tmpfs -o size=256k none "$0" && cp -a "$0/../content" "$0" &&
      dd if=/dev/zero of="$0/fill" bs=4k 2>/dev/null; "$@"; cat "$0/content/index.json"`;
    const wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, root];
    const process = room.start(
      { verb: "name", names: ["new:1"], digest: manifest.digest },
      { root, wrapper },
    );
    expect(await process.until("failed")).toMatchObject({ kind: "Unavailable", code: "ENOSPC" });
    const index = (await process.next()) as unknown as { manifests: { annotations: object }[] };
    expect(index.manifests.map(({ annotations }) => Object.values(annotations))).toEqual([["old:1"]]);
  });

  needs("program:skopeo")("skopeo reads the store by name, and finds the same digests", async () => {
    await using room = await Room.make();
    const image = await anImage(room, ["1", "2"]);
    const name = "docker.io/library/thing:1.0";
    await room.names.set("localhost:5000/other/thing:latest", (await anImage(room, ["3"])).manifest);
    await room.names.set(name, image.manifest);
    const source = `oci:${room.store.directory.path}:${name}`;
    const raw = spawnSync("skopeo", ["inspect", "--raw", source]);
    expect(raw.stdout.equals(readFileSync(room.store.path(image.manifest.digest)))).toBe(true);
    const { stdout } = spawnSync("skopeo", ["inspect", source], { encoding: "utf8" });
    expect(JSON.parse(stdout)).toMatchObject({
      Digest: image.manifest.digest,
      Layers: image.layers.map(({ digest }) => digest),
    });
  });
});
