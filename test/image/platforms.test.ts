/** An image that is there for several machines: loaded, found and removed for one of them. */
import { createReadStream, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { archiveOf, saveLayout } from "../../src/image/archive/save.ts";
import { writeWhole } from "../../src/image/archive/write-file.ts";
import { allImages, findImage } from "../../src/image/find.ts";
import { keptImage } from "../../src/image/in-use.ts";
import { pullImage } from "../../src/image/pull.ts";
import { parseReference } from "../../src/image/reference/reference.ts";
import type { RegistryClient } from "../../src/image/registry/client.ts";
import { ImageStore } from "../../src/image/store.ts";
import type { Descriptor } from "../../src/spec/image/descriptor.ts";
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

/** What the room of a test has for its images, and a store of its own to load them into. */
async function several() {
  await using stack = new AsyncDisposableStack();
  const room = stack.use(await Room.make());
  const lease = stack.use(await room.store.lease());
  const store = await ImageStore.open(room.path("root"));
  const moved = stack.move();
  return {
    room,
    store,
    image: async (platform: Platform, layer = platform.architecture) =>
      (await storeImage(room.store, lease, { layers: [`base of ${layer}`, layer], platform })).manifest,
    index: (manifests: readonly Descriptor[]) => storeIndex(room.store, lease, manifests),
    /** A tar, by the name that its image gets. */
    async archive(named: Readonly<Record<string, Descriptor>>) {
      const images = Object.entries(named).map(([name, target]) => ({ names: [name], target }));
      const tar = room.path(
        `${Object.keys(named).length}-${Object.values(named)[0]!.digest.slice(7, 19)}.tar`,
      );
      await writeWhole(tar, archiveOf(room.store, images, { format: "oci-archive" }));
      return tar;
    },
    /** For which platforms a name's image is here, exactly those. */
    here: async (name: string, ...platforms: Platform[]) => {
      const here: Platform[] = [];
      for (const one of platforms) {
        const found = await findImage(store.stores, name, asking, one).catch(() => undefined);
        if (found && found.image.config.variant === one.variant) here.push(one);
      }
      return here;
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

const [app, other] = ["example.org/app:1", "example.org/app:2"];
const armV6 = { os: "linux", architecture: "arm", variant: "v6" };
const unsaid = ({ platform: _, ...descriptor }: Descriptor): Descriptor => descriptor;

/** A registry that has what `room` has. */
function registryOf({ store }: Room, target: Descriptor): RegistryClient {
  return {
    resolve: async () => target,
    fetchManifest: ({ digest }: Descriptor) => store.readSmall(digest),
    fetchBlob: async ({ digest }: Descriptor) => store.read(digest),
  } as Partial<RegistryClient> as RegistryClient;
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

describe("load --platform beside others", () => {
  /** Loads for one machine; `meanwhile` happens when the whole tar has been read. */
  async function loadFor(
    { store }: { readonly store: ImageStore },
    tar: string,
    platform: Platform,
    meanwhile: () => Promise<unknown>,
  ): Promise<void> {
    async function* bytes() {
      yield* createReadStream(tar);
      await meanwhile();
    }
    await store.load({ name: "app.tar", bytes: bytes() }, { platforms: [platform] });
  }

  withRoot("what was pulled of the same index meanwhile stays", async () => {
    await using setup = await several();
    const { store, room } = setup;
    const manifests = [await setup.image(amd64!), await setup.image(arm64!), await setup.image(arm!)];
    const index = await setup.index(manifests);
    const registry = registryOf(room, index);
    const pull = (platform: Platform) =>
      pullImage(store.stores, registry, parseReference(app!), { platform });
    await pull(amd64!);
    const tar = await setup.archive({ [app!]: index });
    await loadFor(setup, tar, arm64!, () => pull(arm!));
    await store.collect();
    expect(await setup.here(app!, amd64!, arm64!, arm!)).toEqual([amd64, arm64, arm]);
    expect((await store.fsck()).content.problems).toEqual([]);
  });

  withRoot("and so does what was loaded, under another name or for all machines", async () => {
    await using setup = await several();
    const { store } = setup;
    const manifests = [await setup.image(amd64!), await setup.image(arm64!), await setup.image(arm!)];
    const tar = await setup.archive({ [app!]: await setup.index(manifests) });
    const shared = await setup.archive({ [other!]: await setup.index(manifests.slice(0, 1)) });
    await loadFor(setup, tar, arm64!, () => store.load(shared, {}));
    await store.collect();
    expect(await setup.here(app!, amd64!, arm64!, arm!)).toEqual([amd64, arm64]);
    expect(await setup.here(other!, amd64!, arm64!)).toEqual([amd64]);
    await store.remove(app!, { force: false });
    await loadFor(setup, tar, arm64!, () => store.load(tar, {}));
    await store.collect();
    expect(await setup.here(app!, amd64!, arm64!, arm!)).toEqual([amd64, arm64, arm]);
    expect((await store.fsck()).content.problems).toEqual([]);
  });

  withRoot("an index that does not say what its images are for: the one that says so itself", async () => {
    await using setup = await several();
    const { store } = setup;
    const manifests = [unsaid(await setup.image(amd64!)), unsaid(await setup.image(arm64!))];
    const index = await setup.index(manifests);
    const [loaded] = await store.load(await setup.archive({ [app!]: index }), { platforms: [arm64!] });
    expect(loaded!.image.config.architecture).toBe("arm64");
    expect(await setup.here(app!, amd64!, arm64!)).toEqual([arm64]);
    const top = loaded!.image.chainIDs.at(-1)!;
    expect(store.stores.snapshots.list().map(({ chainID }) => chainID)).toContain(top);
  });

  withRoot("what one image of the archive does not want another may", async () => {
    await using setup = await several();
    const { store } = setup;
    const [v6, v7] = [await setup.image(armV6, "v6"), await setup.image(arm!, "v7")];
    const tar = await setup.archive({
      [app!]: await setup.index([v7, v6]),
      [other!]: await setup.index([v6]),
    });
    await store.load(tar, { platforms: [arm!] });
    expect(await setup.here(other!, armV6)).toEqual([armV6]);
    expect((await store.fsck()).content.problems).toEqual([]);
  });
});

describe("rmi --platform", () => {
  withRoot("what another image leads to stays, by force too, and then none of the others goes", async () => {
    await using setup = await several();
    const { store } = setup;
    const [one, two, three] = [await setup.image(amd64!), await setup.image(arm64!), await setup.image(arm!)];
    await store.load(await setup.archive({ [app!]: await setup.index([one, two, three]) }), {});
    const index = await setup.index([one]);
    // By way of an index in an index.
    await store.load(await setup.archive({ [other!]: await setup.index([index, two]) }), {});
    for (const force of [false, true]) {
      for (const platforms of [[arm!, amd64!], [amd64!]]) {
        await expect(store.remove(app!, { force, platforms })).rejects.toMatchObject({
          kind: "FailedPrecondition",
          message: `cannot remove ${app}: ${other} has the same one for linux/amd64`,
          site: { hint: `runt rmi ${other} first` },
        });
      }
    }
    await store.collect();
    expect(await setup.here(app!, amd64!, arm64!, arm!)).toEqual([amd64, arm64, arm]);
    await store.remove(app!, { force: false, platforms: [arm!] });
    // All that is left: a name goes, and the other keeps what is its own.
    await store.remove(app!, { force: false, platforms: [amd64!, arm64!] });
    expect(await setup.here(other!, amd64!, arm64!)).toEqual([amd64, arm64]);
    expect((await store.fsck()).content.problems).toEqual([]);
  });

  withRoot("an index of many names loses it only by force, and then under all of them", async () => {
    await using setup = await several();
    const { store } = setup;
    const index = await setup.index([await setup.image(amd64!), await setup.image(arm64!)]);
    await store.load(await setup.archive({ [app!]: index }), {});
    await store.tag(app!, other!);
    const refused = store.remove(app!, { force: false, platforms: [arm64!] });
    await expect(refused).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: `cannot remove ${app}: it would go from 2 names: ${app}, ${other}`,
    });
    expect(await setup.here(other!, amd64!, arm64!)).toEqual([amd64, arm64]);
    await store.remove(app!, { force: true, platforms: [arm64!] });
    for (const name of [app!, other!]) expect(await setup.here(name, amd64!, arm64!)).toEqual([amd64]);
  });

  withRoot("what is being saved is saved whole", async () => {
    await using setup = await several();
    const { store, room } = setup;
    const index = await setup.index([await setup.image(amd64!), await setup.image(arm64!)]);
    await store.load(await setup.archive({ [app!]: index }), {});
    const images = [{ names: [app!], target: index }];
    const chunks: Uint8Array[] = [];
    for await (const chunk of archiveOf(store.stores.content, images, { format: "oci-archive" })) {
      if (chunks.length === 0) {
        const refused = store.remove(app!, { force: true, platforms: [arm64!] });
        await expect(refused).rejects.toMatchObject({
          message: expect.stringMatching(/a running operation needs the one for linux\/arm64$/),
        });
      }
      chunks.push(Buffer.from(chunk));
    }
    const whole = room.path("whole.tar");
    await writeWhole(whole, archiveOf(room.store, images, { format: "oci-archive" }));
    expect(Buffer.concat(chunks).equals(readFileSync(whole))).toBe(true);
    await store.remove(app!, { force: false, platforms: [arm64!] });
    expect(await setup.here(app!, amd64!, arm64!)).toEqual([amd64]);
  });

  withRoot("an image for another machine than this is in use as well, and kept for who uses it", async () => {
    await using setup = await several();
    const { store } = setup;
    const { snapshots } = store.stores;
    const tar = await setup.archive({
      [app!]: await setup.index([await setup.image(amd64!), await setup.image(arm64!)]),
    });
    const uses: string[] = [];
    for (const platform of [amd64!, arm64!]) {
      await store.load(tar, { platforms: [platform] });
      await store.load(tar, {});
      const { image } = await findImage(store.stores, app!, asking, platform);
      const user = { name: `for-${platform.architecture}` };
      const { directory } = snapshots.createWritable(image.chainIDs.at(-1), user);
      await expect(store.remove(app!, { force: false })).rejects.toMatchObject({
        message: `cannot remove ${app}: ${directory} uses it`,
      });
      expect(await store.prune({ what: "unused" })).toMatchObject({ untagged: [], deleted: [] });
      await store.remove(app!, { force: true });
      const { id, layers } = image;
      expect(await keptImage(store.stores, directory, id)).toMatchObject({ id, layers });
      for (const { digest } of layers) expect(await store.stores.content.has(digest)).toBe(true);
      uses.push(directory);
      await snapshots.removeWritable(user);
    }
    expect(new Set(uses).size).toBe(2);
    await store.collect();
    expect(readdirSync(join(store.stores.content.directory.blobs, "sha256"))).toEqual([]);
  });

  withRoot("only that very machine's: what would run there is another image", async () => {
    await using setup = await several();
    const { store } = setup;
    const [v6, v8] = [await setup.image(armV6), await setup.image(arm64!)];
    const both = await setup.archive({ [app!]: await setup.index([v6, v8]) });
    const alone = await setup.archive({ [other!]: await setup.index([v6]) });
    const single = await setup.archive({ "example.org/single:1": v6 });
    for (const tar of [both, alone, single]) await store.load(tar, {});
    for (const name of [app!, other!, "example.org/single:1"]) {
      await expect(store.remove(name, { force: true, platforms: [arm!] })).rejects.toMatchObject({
        kind: "NotFound",
        message: expect.stringMatching(/ is not here for linux\/arm\/v7: it is for linux\/arm\/v6/),
      });
      expect(await setup.here(name, armV6)).toEqual([armV6]);
    }
    await store.remove("example.org/single:1", { force: false, platforms: [armV6] });
    await store.remove(other!, { force: false, platforms: [armV6] });
    await store.remove(app!, { force: false, platforms: [{ ...arm64!, variant: "v8" }] });
    expect(await setup.here(app!, armV6, arm64!)).toEqual([armV6]);
  });

  withRoot("of an index that does not say what its images are for, the one that says so itself", async () => {
    await using setup = await several();
    const { store } = setup;
    const [one, two] = [unsaid(await setup.image(amd64!)), unsaid(await setup.image(arm64!))];
    const index = await setup.index([one, two]);
    await store.load(await setup.archive({ [app!]: index }), {});
    expect(await setup.here(app!, arm!)).toEqual([]);
    for (const platform of [amd64!, arm64!]) {
      const { image } = await findImage(store.stores, app!, asking, platform);
      expect(image.config.architecture).toBe(platform.architecture);
      // And what is saved for one machine is that as well.
      const copy = ImageStore.open(setup.room.path(`copy-${platform.architecture}`));
      const saved = archiveOf(store.stores.content, [{ names: [app!], target: index }], {
        format: "oci-archive",
        platform,
      });
      const [loaded] = await (await copy).load({ name: "saved.tar", bytes: saved }, {});
      expect(loaded!.image.config.architecture).toBe(platform.architecture);
    }
    await store.remove(app!, { force: false, platforms: [arm64!] });
    expect(await setup.here(app!, amd64!, arm64!)).toEqual([amd64]);
  });

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
