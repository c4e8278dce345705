import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { putImage } from "../../../src/image/archive/put-image.ts";
import { storeLayer } from "../../../src/image/archive/store-layer.ts";
import type { ImageProgress } from "../../../src/image/progress.ts";
import { archive } from "../../support/archive.ts";
import { missing } from "../../support/needs.ts";
import { hasRegistry } from "../../support/registry.ts";
import { storeImage, storeIndex } from "../content/images.ts";
import { temporaryDirectory } from "../snapshot/layers.ts";
import {
  anImageStore,
  appConfig,
  fileLayer,
  firstLayer,
  leftovers,
  makeImage,
  type SecureRegistry,
  secondLayer,
  secureRegistry,
  skopeoPush,
} from "./fixture.ts";
import { PullProcess } from "./processes.ts";

const gone = hasRegistry ? missing("root", "program:skopeo", "program:umoci") : "docker-registry";

describe.skipIf(gone !== undefined)(
  `pull from a registry with TLS and passwords${gone ? ` (needs ${gone})` : ""}`,
  () => {
    let remote: SecureRegistry;
    let name: string;
    const directory = temporaryDirectory();

    beforeAll(async () => {
      remote = await secureRegistry();
      const layout = join(directory.path, "layout");
      makeImage(
        layout,
        "app",
        [firstLayer, secondLayer, fileLayer("a", 300_000), fileLayer("b", 300_000)],
        appConfig,
      );
      await skopeoPush(remote, layout, "app", "team/app:1");
      name = `${remote.registry.domain}/team/app:1`;
    }, 120_000);

    afterAll(async () => {
      await remote?.[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    });

    test("gives an image with all its layers, verified, and nothing else", async () => {
      await using store = await anImageStore();
      const { images } = store;
      const told: ImageProgress[] = [];
      const pulled = await images.pull(name, { registry: remote.options, onProgress: (p) => told.push(p) });
      expect(pulled).toMatchObject({ name, before: undefined });
      expect(pulled.image.config.config).toMatchObject({ User: "app", Cmd: ["echo $GREETING"] });

      const { snapshots } = images.stores;
      const lowers = snapshots.lowers(pulled.image.chainIDs.at(-1));
      expect(lowers).toHaveLength(4);
      expect(readFileSync(join(lowers[2]!, "changed"), "utf8")).toBe("second\n");
      expect(readFileSync(join(lowers[3]!, "changed"), "utf8")).toBe("first\n");

      const last = new Map(told.flatMap((p) => (p.type === "layer" ? [[p.digest, p.status] as const] : [])));
      expect([...last.values()]).toEqual(["pulled", "pulled", "pulled", "pulled"]);
      const report = await images.fsck();
      expect([...report.content.problems, ...report.layers.problems]).toEqual([]);
      expect(await leftovers(images)).toEqual([]);
    });

    test("again: nothing is fetched", async () => {
      await using store = await anImageStore();
      const first = await store.images.pull(name, { registry: remote.options });
      const told: ImageProgress[] = [];
      const again = await store.images.pull(name, {
        registry: remote.options,
        onProgress: (p) => told.push(p),
      });
      expect(again.before).toBe(first.image.target.digest);
      const statuses = told.flatMap((p) => (p.type === "layer" && p.status !== "waiting" ? [p.status] : []));
      expect(new Set(statuses)).toEqual(new Set(["exists"]));
    });

    test("layers are made of blobs that are here, without the registry's", async () => {
      await using store = await anImageStore();
      const { images } = store;
      const { image } = await images.pull(name, { registry: remote.options });
      for (const chainID of [...image.chainIDs].reverse()) await images.stores.snapshots.remove(chainID);
      const told: ImageProgress[] = [];
      await images.pull(name, { registry: remote.options, onProgress: (p) => told.push(p) });
      const statuses = told.flatMap((p) => (p.type === "layer" ? [p.status] : []));
      expect(statuses).not.toContain("downloading");
      expect(images.stores.snapshots.list()).toHaveLength(4);
    });

    test("a name that moves: the former image stays without one, until it is pruned", async () => {
      await using store = await anImageStore();
      const { images } = store;
      const layout = join(directory.path, "layout");
      makeImage(join(directory.path, "layout2"), "app", [firstLayer], appConfig);
      await skopeoPush(remote, layout, "app", "team/moving:1");
      const moving = `${remote.registry.domain}/team/moving:1`;
      const first = await images.pull(moving, { registry: remote.options });
      await skopeoPush(remote, join(directory.path, "layout2"), "app", "team/moving:1");
      const second = await images.pull(moving, { registry: remote.options });
      expect(second.before).toBe(first.image.target.digest);
      const listed = await images.list();
      expect(listed.map(({ names }) => names).sort()).toEqual([[], [moving]]);

      const removed = await images.prune({ what: "dangling" });
      expect(removed.deleted).toEqual([first.image.id]);
      expect(removed.layers).toHaveLength(4);
      expect((await images.list()).map(({ id }) => id)).toEqual([second.image.id]);
      expect((await images.fsck()).layers).toEqual({ checked: 1, problems: [] });
    });

    test("an image that two names lead to in two ways is gone with the second", async () => {
      await using store = await anImageStore();
      const { images } = store;
      const { content, names } = images.stores;
      const { image } = await images.pull(name, { registry: remote.options });
      await using lease = await content.lease();
      await names.set("localhost/index:1", await storeIndex(content, lease, [image.manifest]));
      expect((await images.find(image.id, { operation: "test" })).image.names).toHaveLength(2);
      expect((await images.remove(name, { force: false })).deleted).toEqual([]);
      expect((await images.remove("localhost/index:1", { force: false })).deleted).toEqual([image.id]);
    });

    test("one more machine of the same index: who remembers what the name led to hears of it", async () => {
      await using store = await anImageStore();
      const { images } = store;
      const many = `${remote.registry.domain}/team/many:1`;
      {
        await using local = await anImageStore();
        const { content, names } = local.images.stores;
        await using lease = await content.lease();
        const manifests = [];
        for (const architecture of ["amd64", "arm64"]) {
          const platform = { os: "linux", architecture };
          const { manifest } = await storeImage(content, lease, { layers: [architecture], platform });
          manifests.push({ ...manifest, platform });
        }
        await names.set(many, await storeIndex(content, lease, manifests));
        await local.images.push(many, { registry: remote.options });
      }
      const file = join(images.stores.content.directory.path, "index.json");
      const pull = async (architecture: string) => {
        const platform = { os: "linux", architecture };
        await images.pull(many, { registry: remote.options, platform });
        return statSync(file, { bigint: true }).ino;
      };
      const first = await pull("arm64");
      const both = await pull("amd64");
      expect(both).not.toBe(first);
      // Nothing new.
      expect(await pull("arm64")).toBe(both);
      expect(await pull("amd64")).toBe(both);
    });

    test("another platform than there is: refused, and nothing is left", async () => {
      await using store = await anImageStore();
      const platform = { os: "linux", architecture: "s390x" };
      await expect(store.images.pull(name, { registry: remote.options, platform })).rejects.toMatchObject({
        kind: "NotFound",
        message: expect.stringContaining("it is for linux/amd64, not for linux/s390x"),
      });
      await expect(
        store.images.pull(`${remote.registry.domain}/team/nothing:1`, { registry: remote.options }),
      ).rejects.toMatchObject({ kind: "NotFound" });
      expect(await leftovers(store.images)).toEqual([]);
      expect(await store.images.list()).toEqual([]);
    });

    test("the wrong password: refused", async () => {
      await using store = await anImageStore();
      const registry = { ...remote.options, credentials: async () => undefined };
      await expect(store.images.pull(name, { registry })).rejects.toMatchObject({ kind: "PermissionDenied" });
    });

    test("told to stop, it stops and leaves what it can go on with", async () => {
      await using store = await anImageStore();
      const { images } = store;
      const controller = new AbortController();
      const pulling = images.pull(name, {
        registry: remote.options,
        signal: controller.signal,
        onProgress: (p) =>
          p.type === "layer" && p.status === "downloading" && controller.abort(new Error("enough")),
      });
      await expect(pulling).rejects.toThrow("enough");
      expect(await leftovers(images, "but ingests")).toEqual([]);
      expect((await images.list()).length).toBe(0);
      await images.pull(name, { registry: remote.options });
      expect(await leftovers(images)).toEqual([]);
    });

    test("two processes at once: each blob is fetched once, both succeed", async () => {
      await using store = await anImageStore();
      const order = { root: store.root, name, certDir: remote.certDir };
      const results = await Promise.all(
        [0, 1].map(async () => {
          await using pulling = new PullProcess(order);
          await pulling.begins();
          return await pulling.result();
        }),
      );
      const [one, other] = results as { digest: string; downloaded: string[] }[];
      expect(one!.digest).toBe(other!.digest);
      expect(one!.downloaded.filter((digest) => other!.downloaded.includes(digest))).toEqual([]);
      expect(await leftovers(store.images)).toEqual([]);
      const report = await store.images.fsck();
      expect([...report.content.problems, ...report.layers.problems]).toEqual([]);
    });

    test("garbage collection all the while takes nothing that a pull needs", async () => {
      await using store = await anImageStore();
      const { images } = store;
      await images.pull(name, { registry: remote.options });
      for (let round = 0; round < 5; round++) {
        await images.remove(name, { force: true, keepGarbage: true });
        // All blobs and layers are garbage now, and needed again at the same time.
        let isDone = false;
        const collecting = (async () => {
          while (!isDone) await images.collect();
        })();
        await images.pull(name, { registry: remote.options }).finally(() => {
          isDone = true;
        });
        await collecting;
        const report = await images.fsck();
        expect([...report.content.problems, ...report.layers.problems]).toEqual([]);
        expect(report.layers.checked).toBe(4);
      }
    });

    test("push: what the registry has is mounted or left where it is", async () => {
      await using store = await anImageStore();
      const { images } = store;
      await images.pull(name, { registry: remote.options });
      await images.tag(name, `${remote.registry.domain}/other/app:2`);
      const statuses = async () => {
        const told: ImageProgress[] = [];
        await images.push(`${remote.registry.domain}/other/app:2`, {
          registry: remote.options,
          onProgress: (p) => told.push(p),
        });
        const last = new Map(
          told.flatMap((p) => (p.type === "layer" ? [[p.digest, p.status] as const] : [])),
        );
        return new Set(last.values());
      };
      expect(await statuses()).toEqual(new Set(["mounted"]));
      expect(await statuses()).toEqual(new Set(["exists"]));
      await using other = await anImageStore();
      const pulled = await other.images.pull(`${remote.registry.domain}/other/app:2`, {
        registry: remote.options,
      });
      expect(pulled.image.target.digest).toBe(
        (await images.find(name, { operation: "test" })).image.target.digest,
      );
    });

    test("a layer that is not what the config says is refused, and so is the image", async () => {
      await using store = await anImageStore();
      const { images } = store;
      const { content } = images.stores;
      const { image } = await images.pull(name, { registry: remote.options });
      const config = { ...JSON.parse(Buffer.from(await content.readSmall(image.id)).toString()) };
      config.rootfs.diff_ids[1] = config.rootfs.diff_ids[0];
      await using lease = await content.lease();
      const { manifest } = await putImage(content, JSON.stringify(config), image.layers, { lease });
      const wrong = `${remote.registry.domain}/team/wrong:1`;
      await images.stores.names.set(wrong, manifest);
      await images.push(wrong, { registry: remote.options });
      await using other = await anImageStore();
      await expect(other.images.pull(wrong, { registry: remote.options })).rejects.toMatchObject({
        kind: "InvalidArgument",
        message: expect.stringContaining("diffID"),
      });
      expect(await leftovers(other.images, "but ingests")).toEqual([]);
      expect(await other.images.list()).toEqual([]);
    });

    // What is read of the blob after that is not unpacked, and must not be missed where its digest is checked.
    for (const [size, rest] of [
      ["a small", 200_000],
      ["a large", 5 << 20],
    ] as const) {
      test(`${size} layer that is hostile: it says what is wrong, and keeps the blob`, async () => {
        await using store = await anImageStore();
        const { content, names } = store.images.stores;
        await using lease = await content.lease();
        const tar = Buffer.concat([archive({ name: "../escape", data: "x" }), randomBytes(rest)]);
        const { layer, diffID } = await storeLayer(content, Readable.from([tar]), {
          lease,
          compress: "gzip",
          what: "a layer",
          operation: "test",
        });
        const config = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [diffID] } };
        const { manifest } = await putImage(content, JSON.stringify(config), [layer], { lease });
        const hostile = `${remote.registry.domain}/team/hostile:1`;
        await names.set(hostile, manifest);
        await store.images.push(hostile, { registry: remote.options });
        await using other = await anImageStore();
        await expect(other.images.pull(hostile, { registry: remote.options })).rejects.toMatchObject({
          kind: "InvalidArgument",
          message: expect.stringContaining("../escape"),
        });
        expect(await leftovers(other.images)).toEqual([]);
        expect(await other.images.stores.content.has(layer.digest)).toBe(true);
      });
    }
  },
);
