/** An image that is there for several machines: loaded, found and removed for one of them. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { archiveOf, saveLayout } from "../../src/image/archive/save.ts";
import { writeWhole } from "../../src/image/archive/write-file.ts";
import { allImages, findImage } from "../../src/image/find.ts";
import { ImageStore } from "../../src/image/store.ts";
import type { Platform } from "../../src/spec/image/platform.ts";
import { needs } from "../support/needs.ts";
import { storeImage, storeIndex } from "./content/images.ts";
import { Room } from "./content/room.ts";

const [amd64, arm64, arm] = [
  { os: "linux", architecture: "amd64" },
  { os: "linux", architecture: "arm64" },
  { os: "linux", architecture: "arm", variant: "v7" },
];
const name = "example.org/app:1";
const asking = { operation: "test" };

/** An archive of an image for three machines, as a tar and as a directory, and a store to load it into. */
async function start() {
  await using stack = new AsyncDisposableStack();
  const room = stack.use(await Room.make());
  await using lease = await room.store.lease();
  const manifests = [];
  for (const platform of [amd64, arm64, arm] as Platform[]) {
    const { manifest } = await storeImage(room.store, lease, {
      layers: ["base", `for ${platform.architecture}`],
      platform,
    });
    manifests.push({ ...manifest, platform });
  }
  const index = await storeIndex(room.store, lease, manifests);
  const images = [{ names: [name], target: index }];
  const tar = room.path("app.tar");
  await writeWhole(tar, archiveOf(room.store, images, { format: "docker-archive" }));
  await saveLayout(room.store, images, room.path("layout"));
  const root = room.path("root");
  const store = await ImageStore.open(root);
  const moved = stack.move();
  return {
    store,
    index,
    archives: [tar, room.path("layout")],
    manifests: manifests.map(({ digest }) => digest),
    blobs: () => readdirSync(join(root, "content/blobs/sha256")).length,
    namesFile: () => statSync(join(root, "content/index.json"), { bigint: true }).ino,
    platformsHere: async () => {
      const here = [];
      for (const one of [amd64, arm64, arm] as Platform[]) {
        const found = await findImage(store.stores, name, asking, one).catch(() => undefined);
        if (found) here.push(found.image.config.architecture);
      }
      return here;
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

const withRoot = needs("root");

describe("load --platform", () => {
  for (const [i, form] of ["a tar", "a directory"].entries()) {
    withRoot(`${form}: only the image for that machine is kept, under the same name and index`, async () => {
      await using setup = await start();
      const { store, archives, index } = setup;
      const [loaded] = await store.load(archives[i]!, { platforms: [arm64!] });
      expect(loaded).toMatchObject({ names: [name], image: { target: { digest: index.digest } } });
      expect(loaded!.image.config.architecture).toBe("arm64");
      expect(await setup.platformsHere()).toEqual(["arm64"]);
      await store.collect();
      // The index; manifest, config and two layers.
      expect(setup.blobs()).toBe(5);
      expect((await store.fsck()).content.problems).toEqual([]);
      // What was here before stays.
      await store.load(archives[i]!, { platforms: [arm!] });
      expect(await setup.platformsHere()).toEqual(["arm64", "arm"]);
    });
  }

  withRoot(
    "two at once; all of them without it; none for a machine that the archive does not know",
    async () => {
      await using setup = await start();
      const { store, archives } = setup;
      const none = store.load(archives[0]!, { platforms: [{ os: "linux", architecture: "s390x" }] });
      await expect(none).rejects.toMatchObject({
        kind: "NotFound",
        message: expect.stringMatching(/app\.tar has no image for linux\/s390x$/),
      });
      expect(await allImages(store.stores)).toEqual([]);
      await store.load(archives[0]!, { platforms: [amd64!, arm!] });
      // Nor does it bring back by the name that is there what came along.
      await store.load(archives[0]!, { platforms: [{ os: "linux", architecture: "s390x" }] }).catch(() => {});
      expect(await setup.platformsHere()).toEqual(["amd64", "arm"]);
      await store.load(archives[0]!, {});
      expect(await setup.platformsHere()).toEqual(["amd64", "arm64", "arm"]);
    },
  );
});

describe("rmi --platform", () => {
  withRoot("takes one, then another, and with the last one the image", async () => {
    await using setup = await start();
    const { store, archives } = setup;
    await store.load(archives[0]!, {});
    const { image } = await findImage(store.stores, name, asking, arm64!);
    const before = setup.namesFile();
    const removed = await store.remove(name, { force: false, platforms: [arm64!] });
    expect(removed).toMatchObject({ untagged: [], deleted: [image.id] });
    expect(await setup.platformsHere()).toEqual(["amd64", "arm"]);
    // Whoever remembers what a name led to goes by this.
    expect(setup.namesFile()).not.toBe(before);
    // The index, a shared layer; manifest, config and layer of two.
    expect(setup.blobs()).toBe(8);
    await expect(store.remove(name, { force: false, platforms: [arm64!] })).rejects.toMatchObject({
      kind: "NotFound",
    });
    const last = await store.remove(name, { force: false, platforms: [amd64!, arm!] });
    expect(last.untagged).toEqual([name]);
    expect(await allImages(store.stores)).toEqual([]);
    expect(setup.blobs()).toBe(0);
  });

  withRoot("what has a name of its own stays, and so does what somebody is pulling", async () => {
    await using setup = await start();
    const { store, archives } = setup;
    const [loaded] = await store.load(archives[0]!, {});
    const { image } = await findImage(store.stores, name, asking, arm64!);
    await store.stores.names.set("example.org/other:1", image.manifest);
    const remove = (platform: Platform) => store.remove(name, { force: false, platforms: [platform] });
    await expect(remove(arm64!)).rejects.toMatchObject({ kind: "FailedPrecondition" });
    const { image: other } = await findImage(store.stores, name, asking, arm!);
    {
      await using lease = await store.stores.content.lease();
      await lease.keep(other.manifest.digest);
      await expect(remove(arm!)).rejects.toMatchObject({ kind: "FailedPrecondition" });
    }
    await remove(arm!);
    expect(await setup.platformsHere()).toEqual(["amd64", "arm64"]);
    expect(loaded!.image.config.architecture).toBe("amd64");
    expect((await store.fsck()).content.problems).toEqual([]);
  });

  withRoot("an image that is there for one machine only is asked what it is for", async () => {
    await using setup = await start();
    const { store, archives } = setup;
    await store.load(archives[0]!, {});
    const { image } = await findImage(store.stores, name, asking, arm64!);
    await store.stores.names.set("example.org/one:1", image.manifest);
    const wrong = store.remove("example.org/one:1", { force: false, platforms: [amd64!] });
    await expect(wrong).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringContaining("it is for linux/arm64, not for linux/amd64"),
    });
    const removed = await store.remove("example.org/one:1", { force: false, platforms: [arm64!] });
    expect(removed.untagged).toEqual(["example.org/one:1"]);
    expect(await setup.platformsHere()).toEqual(["amd64", "arm64", "arm"]);
  });
});
