/** `diff`, `commit` and `export`: what a container has become. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configOf } from "../../../src/engine/container/commit.ts";
import { definitionOf } from "../../../src/engine/container/definition.ts";
import { changesOf } from "../../../src/engine/container/diff.ts";
import { requestOf } from "../../../src/engine/request-defaults.ts";
import { findImage } from "../../../src/image/find.ts";
import { keptImage } from "../../../src/image/in-use.ts";
import type { ImageStore } from "../../../src/image/store.ts";
import { storeImage, storeIndex } from "../../image/content/images.ts";
import { testPrefix } from "../../support/bundle.ts";
import { eventually } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";
import { archivePath, forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

async function changed(t: TestEngine, script: string): Promise<{ id: string; lines: string[] }> {
  const id = await t.running(t.script(script));
  expect(await t.engine.wait(id)).toBe(0);
  const changes = await t.engine.diff(id);
  return { id, lines: changes.map(({ kind, path }) => `${kind} ${path}`) };
}

describe("diff", () => {
  asRoot("added, changed, deleted; directories in which something has", async () => {
    await using t = await TestEngine.open();
    const { lines } = await changed(
      t,
      `mkdir -p /new/deep; echo 1 > /new/deep/file; echo more >> /data/file; rm /data/link; rm -r /data/sub;
       chmod 700 /home; : < /etc/passwd; ln -s nowhere /dangling`,
    );
    expect(lines).toEqual([
      "A /dangling",
      "C /data",
      "C /data/file",
      "D /data/link",
      "D /data/sub",
      "C /home",
      "A /new",
      "A /new/deep",
      "A /new/deep/file",
    ]);
  });

  asRoot("a directory that was made anew has lost what was in it", async () => {
    await using t = await TestEngine.open();
    const { lines } = await changed(
      t,
      "rm -r /data; mkdir /data; echo x > /data/file; rm -r /home; echo > /home",
    );
    expect(lines).toEqual([
      "C /data",
      "C /data/file",
      "D /data/link",
      "D /data/sub",
      "C /home",
      "D /home/alice",
    ]);
  });

  asRoot("of a container that runs, and of one that never ran", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.script("echo > /x; sleep 60"));
    expect(await t.engine.diff(id)).toEqual([]);
    (await t.engine.start(id))[Symbol.dispose]();
    await eventually(async () => (await t.engine.diff(id)).length > 0 || undefined, "a change");
    expect(await t.engine.diff(id)).toEqual([{ kind: "A", path: "/x" }]);
  });

  test("a file that was only copied up has not changed; a link on the way is not followed", () => {
    const directory = mkdtempSync(join(tmpdir(), `${testPrefix}-diff-`));
    try {
      const [upper, lower] = [join(directory, "upper"), join(directory, "lower")];
      for (const layer of [upper, lower]) {
        mkdirSync(join(layer, "d"), { recursive: true });
        writeFileSync(join(layer, "d/same"), "same");
        utimesSync(join(layer, "d/same"), 1e9, 1e9);
      }
      expect(changesOf(upper, [lower])).toEqual([]);
      chmodSync(join(upper, "d/same"), 0o600);
      symlinkSync("/etc", join(lower, "etc"));
      mkdirSync(join(upper, "etc"));
      writeFileSync(join(upper, "etc/passwd"), "");
      expect(changesOf(upper, [lower]).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
        "C /d",
        "C /d/same",
        "C /etc",
        "A /etc/passwd",
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("commit", () => {
  asRoot(
    "the image has what was changed, not what is in volumes, and runs as the container did",
    async () => {
      await using t = await TestEngine.open();
      const volume = {
        type: "volume",
        name: undefined,
        destination: "/vol",
        readonly: false,
        copyUp: true,
      } as const;
      const id = await t.running(
        t.script("echo committed > /proof; echo no > /vol/file; rm -r /data/sub; echo done; sleep 60", {
          env: ["A=1"],
          labels: { from: "container" },
          workingDir: "/tmp",
          mounts: [{ ...volume, subpath: undefined, driverOptions: {}, labels: {} }],
        }),
      );
      await t.said(id, "done");
      const image = await t.engine.commit(id, {
        name: "made:1",
        author: "me",
        message: "words",
        changes: ['CMD ["cat", "/proof"]', "ENV B=2"],
      });
      expect(image).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(await t.status(id)).toBe("running");
      const store = await t.engine.images();
      const found = (await store.find("made:1", { operation: "test" })).image;
      expect(found.id).toBe(image);
      expect(found.config).toMatchObject({
        author: "me",
        config: {
          Env: ["FROM=image", "A=1", "B=2"],
          Cmd: ["cat", "/proof"],
          WorkingDir: "/tmp",
          Labels: { from: "container" },
          Volumes: { "/vol": {} },
        },
      });
      expect(found.config.history?.at(-1)).toMatchObject({
        comment: "words",
        created_by: expect.stringContaining("sh -c"),
      });
      expect(await t.output(t.request({ image: "made:1" }))).toMatchObject({
        code: 0,
        stdout: "committed\n",
      });
      expect(
        await t.output(t.request({ image: image, command: ["sh", "-c", "ls /vol /data; echo $A$B"] })),
      ).toMatchObject({ stdout: expect.stringMatching(/12\n$/) });
      expect(
        (await t.output(t.request({ image: "made:1", command: ["ls", "/data"] }))).stdout
          .split("\n")
          .sort()
          .join(" "),
      ).toBe(" file link");
    },
  );

  asRoot(
    "the container's image may be removed before; what is needed of it goes with the container",
    async () => {
      await using t = await TestEngine.open();
      const store = await t.engine.images();
      const { id: image } = (await store.find("bb", { operation: "test" })).image;
      const id = await t.running(t.script("echo first > /first; echo done; sleep 60"));
      await t.said(id, "done");
      await expect(store.remove("bb", { force: false })).rejects.toMatchObject({
        kind: "FailedPrecondition",
      });
      const removed = await store.remove("bb", { force: true });
      expect(removed).toMatchObject({ deleted: [image], layers: [] });
      expect(await store.list()).toEqual([]);
      // Another one's removal, with the same layer, collects what nobody needs.
      await store.import(archivePath(), "other", { message: "another" });
      expect(await store.remove("other", { force: true })).toMatchObject({ layers: [] });
      await t.engine.commit(id, { name: "made:1" });
      const { id: made } = (await store.find("made:1", { operation: "test" })).image;
      const events = t.engine.context.store.events.after(0).filter(({ type }) => type === "image");
      expect(events.map(({ action, actor, attributes }) => [action, actor, attributes.name])).toEqual([
        ["tag", image, "bb:latest"],
        ["import", image, "bb:latest"],
        ["untag", image, "bb:latest"],
        ["delete", image, image],
        ["tag", expect.any(String), "other:latest"],
        ["import", expect.any(String), "other:latest"],
        ["untag", expect.any(String), "other:latest"],
        ["delete", expect.any(String), expect.any(String)],
        ["tag", made, "made:1"],
      ]);
      expect((await store.fsck()).content.problems).toEqual([]);
      const request = t.request({ image: "made:1", command: ["cat", "/first", "/data/file"] });
      expect((await t.output(request)).stdout).toBe("first\nfrom the image\n");
      // Once more, of one that does not run, and by a process that has not seen the image.
      await t.engine.stop(id, { timeoutSeconds: 0 });
      using again = await t.again();
      expect(await again.commit(id, { name: "made:2" })).toMatch(/^sha256:/);
      await t.engine.remove(id, { force: true });
      await store.remove("made:1", { force: false });
      await store.remove("made:2", { force: false });
      for (const digest of [image, made]) expect(await store.stores.content.has(digest)).toBe(false);
      expect(store.stores.snapshots.list()).toEqual([]);
    },
  );

  /** Names an index of the image of all tests, and of one for another machine. */
  async function indexed(t: TestEngine, name: string) {
    const { stores } = await t.engine.images();
    const { image } = await findImage(stores, "bb", { operation: "test" });
    const { os, architecture } = image.config;
    const here = { os, architecture };
    const there = { os, architecture: architecture === "arm64" ? "amd64" : "arm64" };
    await using lease = await stores.content.lease();
    const other = await storeImage(stores.content, lease, { layers: ["other"], platform: there });
    const manifests = [{ ...image.manifest, platform: here }, other.manifest];
    const index = await storeIndex(stores.content, lease, manifests);
    const documents = [image.manifest, index];
    const texts = await Promise.all(documents.map(({ digest }) => stores.content.readSmall(digest)));
    /** As `load` would. */
    const again = async () => {
      await using lease = await stores.content.lease();
      for (const [i, { mediaType }] of documents.entries())
        await stores.content.put(texts[i]!, mediaType, { lease });
      await stores.names.set(name, index);
    };
    await stores.names.change({ set: new Map([[name, index]]), remove: image.names });
    return { image, here, there, again };
  }

  asRoot("an index may lose the image of a container for its machine, and does", async () => {
    await using t = await TestEngine.open();
    const store = await t.engine.images();
    const name = "docker.io/library/index:1";
    const { image, here, there, again } = await indexed(t, name);
    const { id } = await t.engine.create(t.request({ image: name }));
    const options = { force: true, platforms: [here] };
    await expect(store.remove(name, { ...options, force: false })).rejects.toMatchObject({
      kind: "FailedPrecondition",
    });
    // What garbage is somebody else finds out.
    const removed = await store.remove(name, { ...options, keepGarbage: true });
    expect(removed).toMatchObject({ deleted: [image.id] });
    expect(await store.collect()).toMatchObject({ layers: [] });
    const found = () => store.find(name, { operation: "test" }, here);
    await expect(found()).rejects.toMatchObject({ kind: "NotFound" });
    expect(await t.engine.commit(id)).toMatch(/^sha256:/);
    // And when it is there again, and goes again, after all of the index went.
    await again();
    await found();
    await store.remove(name, { force: true });
    await again();
    await store.remove(name, options);
    expect(await t.engine.commit(id)).toMatch(/^sha256:/);
    expect((await store.fsck()).content.problems).toEqual([]);
    expect(there.architecture).not.toBe(here.architecture);
  });

  for (const [what, remove] of [
    ["removed by force", (store: ImageStore) => store.remove("bb", { force: true })],
    ["pruned", (store: ImageStore) => store.prune({ what: "unused" })],
  ] as const) {
    asRoot(`a container that is made while its image is ${what} can be committed, too`, async () => {
      await using t = await TestEngine.open();
      const store = await t.engine.images();
      const { names, content } = store.stores;
      const { snapshots } = store.stores;
      const { id, chainIDs } = (await store.find("bb", { operation: "test" })).image;
      const change = names.change.bind(names);
      const collect = content.collect.bind(content);
      let made = "";
      names.change = async (...args) => {
        names.change = change;
        made = (await t.engine.create(t.script("true"))).id;
        return await change(...args);
      };
      // Who found the image before, and only now says that he needs it.
      const late = { name: "late" };
      content.collect = async (...args) => {
        content.collect = collect;
        snapshots.createWritable(chainIDs.at(-1), late);
        return await collect(...args);
      };
      expect(await remove(store)).toMatchObject({ deleted: [id], layers: [] });
      expect(await store.list()).toEqual([]);
      const { directory } = snapshots.writable(late);
      for (const one of [directory, t.engine.context.layout.container(made)])
        expect(await keptImage(store.stores, one, id)).toMatchObject({ id, chainIDs });
      expect(await t.engine.commit(made)).toMatch(/^sha256:/);
      const kept = (await keptImage(store.stores, directory, id))!;
      expect(await store.commit(kept, snapshots.writable(late))).toMatchObject({
        chainIDs: expect.arrayContaining([...chainIDs]),
      });
    });
  }

  asRoot("of a kept image that is damaged, what is said is that there is none", async () => {
    await using t = await TestEngine.open();
    const store = await t.engine.images();
    const { id } = await t.engine.create(t.script("true"));
    const { id: image } = (await store.find("bb", { operation: "test" })).image;
    await store.remove("bb", { force: true });
    const path = store.stores.content.path(image);
    const bytes = readFileSync(path);
    rmSync(path);
    await expect(t.engine.commit(id)).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringMatching(/^no such image/),
    });
    writeFileSync(path, bytes);
    expect(await t.engine.commit(id)).toMatch(/^sha256:/);
  });

  asRoot("an image that lost its name is not pruned while a container has it", async () => {
    await using t = await TestEngine.open();
    const store = await t.engine.images();
    const { id } = await t.engine.create(t.script("true"));
    await store.import(archivePath(), "bb", { message: "a newer one" });
    expect(await store.prune({ what: "dangling" })).toMatchObject({ deleted: [] });
    expect(await t.engine.commit(id)).toMatch(/^sha256:/);
    await t.engine.remove(id);
    const { deleted } = await store.prune({ what: "dangling" });
    expect(deleted).toHaveLength(2);
  });

  test("entrypoint and command are as the container had them", () => {
    const image = { Entrypoint: ["/entry"], Cmd: ["default"], Env: ["A=image"] };
    const facts = { image: undefined, hostname: "h", mounts: [] };
    const config = (changes: object) => {
      const request = requestOf({ image: "x", ...changes });
      return configOf({ request, definition: definitionOf(request, image, facts) });
    };
    expect(config({})).toMatchObject({ Entrypoint: ["/entry"], Cmd: ["default"], Env: ["A=image"] });
    expect(config({ command: ["other"] })).toMatchObject({ Entrypoint: ["/entry"], Cmd: ["other"] });
    expect(config({ entrypoint: ["/e"], command: ["c"], env: ["A=request"] })).toMatchObject({
      Entrypoint: ["/e"],
      Cmd: ["c"],
      Env: ["A=request"],
    });
  });
});

describe("export", () => {
  asRoot("all layers as one archive, without volumes, whether it runs or not", async () => {
    await using t = await TestEngine.open();
    const volume = {
      type: "volume",
      name: "vol",
      destination: "/data",
      readonly: false,
      copyUp: true,
    } as const;
    const id = await t.running(
      t.script(
        "echo x > /added; rm /etc/group; echo y > /data/in-volume; trap 'exit 0' TERM; echo done; while :; do sleep 0.1; done",
        {
          mounts: [{ ...volume, subpath: undefined, driverOptions: {}, labels: {} }],
        },
      ),
    );
    await t.said(id, "done");
    const names = async () => {
      const parts: Uint8Array[] = [];
      for await (const part of t.engine.export(id)) parts.push(part);
      return execFileSync("tar", ["t"], { input: Buffer.concat(parts), encoding: "utf8" }).split("\n");
    };
    const running = await names();
    expect(running).toEqual(
      expect.arrayContaining(["added", "bin/busybox", "data/", "data/file", "etc/passwd"]),
    );
    expect(running).not.toContain("etc/group");
    expect(running).not.toContain("data/in-volume");
    expect(running).not.toContain("proc/1/");
    await t.engine.stop(id);
    expect(await names()).toEqual(running);
    await expect(t.engine.export("nobody").next()).rejects.toMatchObject({ kind: "NotFound" });
  });
});
