/** Images between us and the tools that others have: all bytes that have a digest stay as they are. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { loadArchive } from "../../../src/image/archive/load.ts";
import { type ArchiveFormat, archiveOf, saveLayout } from "../../../src/image/archive/save.ts";
import { writeWhole } from "../../../src/image/archive/write-file.ts";
import { parseImageConfig, parseManifest } from "../../../src/spec/image/document.ts";
import { needs } from "../../support/needs.ts";
import { type ImageRecipe, type StoredImage, storeImage, tarOf } from "../content/images.ts";
import { Room } from "../content/room.ts";
import { Containerd, podmanIn, tool } from "./peers.ts";

const origin = { where: "test", operation: "test" };

async function image(room: Room, recipe: ImageRecipe): Promise<StoredImage> {
  await using lease = await room.store.lease();
  const stored = await storeImage(room.store, lease, recipe);
  await room.names.change({ keep: [stored.manifest] });
  return stored;
}

async function save(
  room: Room,
  format: ArchiveFormat,
  images: readonly (readonly [StoredImage, ...string[]])[],
): Promise<string> {
  const path = room.path(`saved-${format}.tar`);
  const wanted = images.map(([{ manifest }, ...names]) => ({ names, target: manifest }));
  await writeWhole(path, archiveOf(room.store, wanted, { format }));
  return path;
}

/** What another tool wrote, read into a store of its own. */
async function load(room: Room, path: string) {
  await using lease = await room.store.lease();
  const images = await loadArchive(path, room.store, { lease });
  const all = await Promise.all(
    images.map(async ({ names, target }) => {
      const manifest = parseManifest(await room.store.readSmall(target.digest), target.mediaType, origin);
      const config = parseImageConfig(await room.store.readSmall(manifest.config.digest), origin);
      const { digest } = manifest.config;
      return { names, target, manifest, id: digest, diffIDs: config.rootfs.diff_ids };
    }),
  );
  for (const { target } of images) await room.names.change({ keep: [target] });
  expect((await room.store.fsck()).problems).toEqual([]);
  return all;
}

const recipes: Readonly<Record<string, ImageRecipe>> = {
  "gzip layers": { layers: ["a", "b"] },
  "zstd layers": { layers: ["a", "c"], compression: "zstd" },
  "plain layers": { layers: ["a", "b"], compression: "none" },
  "docker's media types": { layers: ["a", "d"], flavour: "docker" },
};

describe("what we save", () => {
  for (const [what, recipe] of Object.entries(recipes)) {
    needs("program:skopeo")(`skopeo reads, from a docker archive: ${what}`, async () => {
      await using room = await Room.make();
      const stored = await image(room, recipe);
      const { config, diffIDs } = stored;
      const path = await save(room, "docker-archive", [[stored, "docker.io/library/a:1", "quay.io/x/a:2"]]);
      for (const name of ["a:1", "quay.io/x/a:2"]) {
        const source = `docker-archive:${path}:${name}`;
        // Docker's form has no manifest: skopeo makes one, of the tars inside the layers.
        const raw = JSON.parse(await tool("skopeo", "inspect", "--raw", source));
        expect(raw.config.digest).toBe(config.digest);
        expect(raw.layers.map(({ digest }: { digest: string }) => digest)).toEqual(diffIDs);
        await tool("skopeo", "copy", source, `dir:${room.path("copied")}`);
        for (const [i, diffID] of diffIDs.entries()) {
          expect(
            readFileSync(join(room.path("copied"), diffID.slice(7))).equals(tarOf(recipe.layers[i]!)),
          ).toBe(true);
        }
      }
    });

    // Its reader of layouts passes over entries with docker's media types.
    if (recipe.flavour === "docker") continue;
    for (const form of ["docker-archive", "oci-archive", "directory"] as const) {
      needs("program:skopeo")(`skopeo reads, as an OCI layout from a ${form}: ${what}`, async () => {
        await using room = await Room.make();
        const stored = await image(room, recipe);
        const other = await image(room, { layers: ["other"] });
        const name = "docker.io/library/a:1";
        let source: string;
        if (form === "directory") {
          const path = room.path("layout");
          await saveLayout(room.store, [{ names: [name], target: stored.manifest }], path);
          await saveLayout(room.store, [{ names: ["b:1"], target: other.manifest }], path);
          source = `oci:${path}:${name}`;
        } else
          source = `oci-archive:${await save(room, form, [
            [stored, name],
            [other, "b:1"],
          ])}:${name}`;
        await tool("skopeo", "copy", source, `dir:${room.path("copied")}`);
        const copied = (file: string): Buffer => readFileSync(join(room.path("copied"), file));
        expect(copied("manifest.json").equals(readFileSync(room.store.path(stored.manifest.digest)))).toBe(
          true,
        );
        for (const { digest } of [stored.config, ...stored.layers]) {
          expect(copied(digest.slice(7)).equals(readFileSync(room.store.path(digest)))).toBe(true);
        }
      });
    }
  }

  needs("root", "program:podman")(
    "podman loads several images with several names from one archive",
    async () => {
      await using room = await Room.make();
      const podman = podmanIn(room.root);
      const all = await Promise.all(Object.values(recipes).map((recipe) => image(room, recipe)));
      const named = all.map(
        (stored, i) => [stored, `docker.io/library/i${i}:1`, `localhost:5000/x/i${i}:two`] as const,
      );
      const path = await save(room, "docker-archive", named);
      await podman("load", "-q", "-i", path);
      for (const [{ config, diffIDs }, ...names] of named) {
        for (const name of names) {
          const [inspected] = JSON.parse(await podman("image", "inspect", name));
          expect(inspected.Id).toBe(config.digest.slice(7));
          expect(inspected.RootFS.Layers).toEqual(diffIDs);
        }
      }
    },
    120_000,
  );

  needs("root", "program:ctr", "program:containerd")(
    "containerd imports and unpacks all of it",
    async () => {
      await using room = await Room.make();
      await using containerd = await Containerd.start(room.root);
      const named = await Promise.all(
        Object.values(recipes).map(
          async (recipe, i) =>
            [await image(room, recipe), `docker.io/library/i${i}:1`, `quay.io/x/i${i}:2`] as const,
        ),
      );
      for (const format of ["docker-archive", "oci-archive"] as const) {
        const path = await save(room, format, named);
        const space = ["-n", format];
        await containerd.ctr(...space, "images", "import", "--snapshotter", "native", path);
        const list = await containerd.ctr(...space, "images", "ls");
        const blobs = await containerd.ctr(...space, "content", "ls", "-q");
        const snapshots = await containerd.ctr(...space, "snapshots", "--snapshotter", "native", "ls");
        for (const [{ manifest, config, layers, diffIDs }, ...names] of named) {
          for (const name of names) {
            const line = list.split("\n").find((line) => line.startsWith(`${name} `));
            expect(line, list).toContain(manifest.digest);
          }
          for (const { digest } of [manifest, config, ...layers]) expect(blobs).toContain(digest);
          // Unpacking is where containerd compares diffIDs.
          expect(snapshots).toContain(diffIDs[0]);
        }
      }
    },
    120_000,
  );
});

describe("what others save", () => {
  needs("program:skopeo", "program:umoci")("umoci's layout, and skopeo's archives of it", async () => {
    await using room = await Room.make();
    const layout = room.path("umoci");
    mkdirSync(room.path("files"));
    writeFileSync(room.path("files/hello"), "hello\n");
    execFileSync("tar", ["-C", room.path("files"), "-cf", room.path("files.tar"), "."]);
    await tool("umoci", "init", "--layout", layout);
    await tool("umoci", "new", "--image", `${layout}:one`);
    await tool("umoci", "raw", "add-layer", "--image", `${layout}:one`, room.path("files.tar"));
    await tool("umoci", "config", "--image", `${layout}:one`, "--tag", `two`, "--config.cmd", "/bin/sh");
    const fromLayout = await load(room, layout);
    expect(fromLayout.flatMap(({ names }) => names).sort()).toEqual([
      "docker.io/library/one:latest",
      "docker.io/library/two:latest",
    ]);
    const two = fromLayout.find(({ names }) => names[0]!.includes("two"))!;
    const stat = JSON.parse(await tool("skopeo", "inspect", `oci:${layout}:two`));
    expect(two.target.digest).toBe(stat.Digest);

    const oci = room.path("skopeo-oci.tar");
    await tool("skopeo", "copy", `oci:${layout}:two`, `oci-archive:${oci}:quay.io/x/two:2`);
    expect(await load(room, oci)).toMatchObject([
      { names: ["quay.io/x/two:2"], target: { digest: two.target.digest }, diffIDs: two.diffIDs },
    ]);
    const docker = room.path("skopeo-docker.tar");
    await tool("skopeo", "copy", `oci:${layout}:two`, `docker-archive:${docker}:two:2`);
    const [loaded] = await load(room, docker);
    expect(loaded).toMatchObject({ names: ["docker.io/library/two:2"], id: two.id, diffIDs: two.diffIDs });
    // There the layers are plain, so their digests are their diffIDs.
    expect(loaded!.manifest.layers.map(({ digest }) => digest)).toEqual(two.diffIDs);
  });

  needs("root", "program:podman")(
    "podman's archives of one and of several images, and its directory",
    async () => {
      await using room = await Room.make();
      const podman = podmanIn(room.root);
      const [one, two] = [
        await image(room, recipes["gzip layers"]!),
        await image(room, { layers: ["a", "z"] }),
      ];
      await podman(
        "load",
        "-q",
        "-i",
        await save(room, "docker-archive", [
          [one, "docker.io/library/one:1"],
          [two, "docker.io/library/two:1"],
        ]),
      );
      await podman("tag", "one:1", "localhost/again:3");
      const several = room.path("several.tar");
      await podman("save", "-q", "-m", "-o", several, "one:1", "localhost/again:3", "two:1");
      const loaded = await load(room, several);
      expect(loaded).toHaveLength(2);
      const [first, second] = [one, two].map(({ config }) => loaded.find(({ id }) => id === config.digest)!);
      expect([...first!.names].sort()).toEqual(["docker.io/library/one:1", "localhost/again:3"]);
      expect(first!.diffIDs).toEqual(one.diffIDs);
      expect(second).toMatchObject({ names: ["docker.io/library/two:1"], diffIDs: two.diffIDs });
      for (const format of ["oci-archive", "oci-dir"]) {
        const path = room.path(format);
        await podman("save", "-q", "--format", format, "-o", path, "two:1");
        const [again] = await load(room, path);
        // podman makes a config of its own here, of the same layers.
        expect(again!.diffIDs).toEqual(two.diffIDs);
      }
    },
    120_000,
  );

  needs("root", "program:ctr", "program:containerd")(
    "containerd's export, of what it had from us",
    async () => {
      await using room = await Room.make();
      await using containerd = await Containerd.start(room.root);
      const name = "docker.io/library/a:1";
      const stored = await image(room, recipes["zstd layers"]!);
      await containerd.ctr(
        "images",
        "import",
        "--no-unpack",
        await save(room, "oci-archive", [[stored, name]]),
      );
      const path = room.path("exported.tar");
      await containerd.ctr("images", "export", path, name);
      await using other = await Room.make();
      expect(await load(other, path)).toMatchObject([
        { names: [name], target: { digest: stored.manifest.digest }, diffIDs: stored.diffIDs },
      ]);
    },
    60_000,
  );
});

needs("program:skopeo")("skopeo copies from our store as it is, and we read its copy", async () => {
  await using room = await Room.make();
  const stored = await image(room, recipes["gzip layers"]!);
  await room.names.set("docker.io/library/a:1", stored.manifest);
  const source = `oci:${room.store.directory.path}:docker.io/library/a:1`;
  await tool("skopeo", "copy", source, `oci:${room.path("out")}:back:1`);
  await using other = await Room.make();
  expect(await load(other, room.path("out"))).toMatchObject([
    { names: ["docker.io/library/back:1"], target: { digest: stored.manifest.digest } },
  ]);
});
