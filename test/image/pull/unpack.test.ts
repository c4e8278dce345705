import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { specTemplate } from "../../../src/runtime/spec-template.ts";
import { runCli } from "../../cli/run-cli.ts";
import { missing } from "../../support/needs.ts";
import { hasRegistry } from "../../support/registry.ts";
import { temporaryDirectory } from "../snapshot/layers.ts";
import {
  anImageStore,
  appConfig,
  firstLayer,
  type LayerRecipe,
  makeImage,
  secondLayer,
  secureRegistry,
  skopeoPush,
} from "./fixture.ts";

const gone = hasRegistry ? missing("root", "cgroup2", "program:skopeo", "program:umoci") : "docker-registry";

describe.skipIf(gone !== undefined)(
  `unpack, and a container of what was unpacked${gone ? ` (needs ${gone})` : ""}`,
  () => {
    let store: Awaited<ReturnType<typeof anImageStore>>;
    let name: string;
    const directory = temporaryDirectory();
    let bundles = 0;

    beforeAll(async () => {
      await using remote = await secureRegistry();
      const layout = join(directory.path, "layout");
      makeImage(layout, "app", [firstLayer, secondLayer], appConfig);
      await skopeoPush(remote, layout, "app", "team/app:1");
      name = `${remote.registry.domain}/team/app:1`;
      const many: LayerRecipe[] = Array.from(
        { length: 20 },
        (_, i) => (rootfs) => writeFileSync(join(rootfs, "last"), `${i}\n`),
      );
      makeImage(join(directory.path, "many"), "many", [firstLayer, ...many], ["--config.cmd", "/bin/sh"]);
      await skopeoPush(remote, join(directory.path, "many"), "many", "team/many:1");
      store = await anImageStore();
      await store.images.pull(name, { registry: remote.options });
      await store.images.pull(`${remote.registry.domain}/team/many:1`, { registry: remote.options });
    }, 120_000);

    afterAll(async () => {
      await store?.[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    });

    const many = () => name.replace("/app:", "/many:");
    const aPath = () => join(directory.path, `bundle-${bundles++}`);

    async function run(
      image: string,
      options: { rootfs?: "overlay" | "copy"; script: string; user?: string; entrypoint?: "sh" },
    ) {
      const path = aPath();
      const { rootfs = "overlay", script, user, entrypoint } = options;
      const command = entrypoint ? ["/bin/sh", "-c", script] : [script];
      await store.images.unpack(image, path, { rootfs, base: specTemplate(), command, user });
      const id = `runt-unpack-${process.pid}-${bundles}`;
      const outcome = runCli("runt-oci", [
        "--root",
        join(directory.path, "state"),
        "run",
        "--bundle",
        path,
        id,
      ]);
      expect(outcome.stderr).toBe("");
      return { ...outcome, path };
    }

    for (const rootfs of ["overlay", "copy"] as const) {
      test(`${rootfs}: the container is what the image says: user, groups, environment, directory, command`, async () => {
        const { stdout, status } = await run(name, { rootfs, script: "id; pwd; echo $GREETING $HOME" });
        expect(stdout).toBe("uid=1000(app) gid=1001(app) groups=44(logs)\n/work\nhello /work\n");
        expect(status).toBe(0);
      });

      test(`${rootfs}: whiteouts are seen from inside as files that are not there`, async () => {
        const { stdout } = await run(name, { rootfs, script: "ls /dir /replaced; cat /changed" });
        expect(stdout).toBe("/dir:\nkept\n\n/replaced:\nnew\nsecond\n");
      });
    }

    test("what the container changes is in the bundle, and the image's layers are as they were", async () => {
      const script = "echo changed > /changed; rm /dir/kept; touch /made; cat /etc/hostname";
      const { stdout, path } = await run(name, { script, user: "0" });
      expect(stdout).toMatch(/^bundle-\d+\n$/);
      expect(readdirSync(join(path, "upper")).sort()).toEqual(
        expect.arrayContaining(["changed", "dir", "made"]),
      );
      expect(readdirSync(join(path, "upper"))).not.toContain("etc");
      expect(readdirSync(join(path, "rootfs"))).toEqual([]);
      const again = await run(name, { script: "cat /changed; ls /dir" });
      expect(again.stdout).toBe("second\nkept\n");
    });

    test("commit: what the container changed is a layer, with whiteouts and without the init layer", async () => {
      const script =
        "echo changed > /changed; rm /dir/kept; rm -r /replaced; mkdir /replaced; echo 3 > /replaced/third";
      const { path } = await run(name, { script, user: "0" });
      const { image } = await store.images.find(name, { operation: "test" });
      const writable = store.images.stores.snapshots.writable({ directory: path });
      const options = {
        name: "localhost/committed:1",
        changes: ["ENV GREETING=again", 'CMD ["cat /changed"]'],
        message: "by a test",
        created: new Date(0),
      };
      const committed = await store.images.commit(image, writable, options);
      expect(committed.layers).toHaveLength(3);
      expect(committed.config.history.at(-1)).toMatchObject({ comment: "by a test" });
      const { stdout } = await run("localhost/committed:1", {
        script: "ls /dir /replaced; cat /changed; echo $GREETING",
      });
      expect(stdout).toBe("/dir:\n\n/replaced:\nthird\nchanged\nagain\n");
      const diff = store.images.stores.snapshots.diff(committed.chainIDs.at(-1)!);
      expect(readdirSync(diff)).not.toContain("etc");
      // The same changes are the same layer.
      expect((await store.images.commit(image, writable, options)).id).toBe(committed.id);
      await expect(store.images.commit(committed, writable)).rejects.toMatchObject({
        kind: "FailedPrecondition",
      });
    });

    test("an image of more layers than fit into one mount option", async () => {
      const { stdout, path } = await run(many(), { script: "cat /last", entrypoint: "sh" });
      expect(stdout).toBe("19\n");
      const config = JSON.parse(readFileSync(join(path, "config.json"), "utf8"));
      expect(config.mounts[0].options.filter((o: string) => o.startsWith("lowerdir")).length).toBe(22);
    });

    test("the image can be removed; its layers stay as long as the bundle", async () => {
      await using other = await anImageStore();
      const archive = join(directory.path, "app.tar");
      await store.images.saveTo([name], archive, { format: "docker-archive" });
      await other.images.load(archive, {});
      const path = aPath();
      await other.images.unpack(name, path, { rootfs: "overlay", base: specTemplate() });
      await expect(other.images.remove(name, { force: false })).rejects.toMatchObject({
        kind: "FailedPrecondition",
      });
      await other.images.remove(name, { force: true });
      expect(other.images.stores.snapshots.list()).toHaveLength(2);
      const outcome = runCli("runt-oci", [
        "--root",
        join(directory.path, "state"),
        "run",
        "-b",
        path,
        `runt-unpack-${process.pid}`,
      ]);
      expect(outcome).toMatchObject({ stdout: "hello\n", status: 0 });
      rmSync(path, { recursive: true });
      await other.images.collect();
      expect(other.images.stores.snapshots.list()).toEqual([]);
    });

    test("a directory with something in it is refused and left as it is; nothing is left of a bundle that fails", async () => {
      const path = aPath();
      mkdirSync(path);
      writeFileSync(join(path, "mine"), "");
      const options = { rootfs: "overlay", base: specTemplate() } as const;
      await expect(store.images.unpack(name, path, options)).rejects.toMatchObject({ kind: "AlreadyExists" });
      expect(readdirSync(path)).toEqual(["mine"]);

      const fresh = aPath();
      for (const user of ["nobody", "app:nothing", "4294967295"]) {
        await expect(store.images.unpack(name, fresh, { ...options, user })).rejects.toMatchObject({
          kind: "InvalidArgument",
        });
        expect(existsSync(fresh)).toBe(false);
      }
      mkdirSync(fresh);
      await expect(store.images.unpack(name, fresh, { ...options, user: "nobody" })).rejects.toThrow();
      expect(readdirSync(fresh)).toEqual([]);
      expect(store.images.stores.snapshots.uses().map((use) => use.path)).not.toContain(fresh);
    });
  },
);
