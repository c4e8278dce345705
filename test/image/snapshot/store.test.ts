import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sharedInitLayer } from "../../../src/image/snapshot/init-layer.ts";
import { SnapshotStore } from "../../../src/image/snapshot/store.ts";
import { chainIDs } from "../../../src/spec/image/digest.ts";
import { needs } from "../../support/needs.ts";
import { aDiffID, aStore, commitLayers, temporaryDirectory } from "./layers.ts";

describe("layers — filled, committed, found", () => {
  test("a committed layer is there with its record and its files, for another store object too", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const [low, high] = await commitLayers(store, [{ a: "1" }, { b: "2" }]);
    const again = aStore(directory);
    expect(again.stat(high!)).toMatchObject({ chainID: high, parent: low, bytes: 20 });
    expect(readFileSync(join(again.diff(high!), "b"), "utf8")).toBe("2");
    expect(again.lowers(high)).toEqual([again.diff(high!), again.diff(low!)]);
    expect(again.list()).toHaveLength(2);
  });

  test("the store is for its owner only, the layer's root directory for everybody", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const [low] = await commitLayers(store, [{ a: "1" }]);
    expect(statSync(store.layout.layers).mode & 0o777).toBe(0o700);
    expect(statSync(store.diff(low!)).mode & 0o777).toBe(0o755);
  });

  test("one that was not committed leaves nothing", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const [id] = chainIDs([aDiffID()]);
    {
      const active = await store.prepare(id!);
      if (active === "present") throw new Error("present");
      await using _given = active;
      writeFileSync(join(active.diff, "half"), "");
    }
    expect(store.has(id!)).toBe(false);
    expect([...readdirSync(store.layout.active), ...readdirSync(store.layout.aside)]).toEqual([]);
  });

  test("of two who want to fill the same layer one does, and the other finds it", async () => {
    await using directory = temporaryDirectory();
    const [store, other] = [aStore(directory), aStore(directory)];
    const diffID = aDiffID();
    const [id] = chainIDs([diffID]);
    const active = await store.prepare(id!);
    if (active === "present") throw new Error("present");
    const second = other.prepare(id!);
    expect(await Promise.race([second, new Promise((resolve) => setTimeout(resolve, 100, "waits"))])).toBe(
      "waits",
    );
    writeFileSync(join(active.diff, "a"), "");
    await store.commit([{ active, diffID, parent: undefined, bytes: 0, entries: 1 }]);
    expect(await second).toBe("present");
  });

  test("of two who want to fill the same layer the second begins anew where the first gave up", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const [id] = chainIDs([aDiffID()]);
    const first = await store.prepare(id!);
    if (first === "present") throw new Error("present");
    writeFileSync(join(first.diff, "half"), "");
    const waiting = store.prepare(id!);
    await first[Symbol.asyncDispose]();
    const second = await waiting;
    if (second === "present") throw new Error("present");
    expect(readdirSync(second.diff)).toEqual([]);
    await second[Symbol.asyncDispose]();
  });

  test("who waits can be told to stop", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const [id] = chainIDs([aDiffID()]);
    await using active = (await store.prepare(id!)) as AsyncDisposable;
    expect(active).not.toBe("present");
    await expect(store.prepare(id!, AbortSignal.timeout(50))).rejects.toThrow();
  });

  test("what a killed process was filling is begun anew", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const [id] = chainIDs([aDiffID()]);
    const program = `
      import { SnapshotStore } from ${JSON.stringify(join(import.meta.dirname, "../../../src/image/snapshot/store.ts"))};
      import { writeFileSync } from "node:fs";
      const store = SnapshotStore.open(${JSON.stringify(store.layout.root)}, { userXattr: false });
      const active = await store.prepare(${JSON.stringify(id)});
      writeFileSync(active.diff + "/half", "");
      console.log("filling");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    const active = await store.prepare(id!);
    if (active === "present") throw new Error("present");
    expect(readdirSync(active.diff)).toEqual([]);
    await active[Symbol.asyncDispose]();
  });

  test("a layer needs the one below it", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const diffIDs = [aDiffID(), aDiffID()];
    const [low, high] = chainIDs(diffIDs);
    const active = await store.prepare(high!);
    if (active === "present") throw new Error("present");
    await using _given = active;
    const filled = { active, diffID: diffIDs[1]!, parent: low, bytes: 0, entries: 0 };
    await expect(store.commit([filled])).rejects.toMatchObject({ kind: "FailedPrecondition" });
    expect(() => store.lowers(high)).toThrow(expect.objectContaining({ kind: "NotFound" }));
  });

  test("a damaged record is said to be one", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const [low] = await commitLayers(store, [{ a: "" }]);
    writeFileSync(join(store.layout.layer(low!), "layer.json"), '{"chainID":');
    expect(() => store.stat(low!)).toThrow(expect.objectContaining({ kind: "Internal" }));
  });
});

describe("garbage collection of layers", () => {
  test("what is kept stays with all below it, the rest goes", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const kept = await commitLayers(store, [{ a: "" }, { b: "" }], "kept");
    const gone = await commitLayers(store, [{ c: "" }, { d: "" }], "gone");
    const { layers, bytes } = store.collect([kept[1]!]);
    expect(new Set(layers)).toEqual(new Set(gone));
    expect(bytes).toBe(30);
    await store.emptyAside();
    expect(
      store
        .list()
        .map(({ chainID }) => chainID)
        .sort(),
    ).toEqual([...kept].sort());
    expect(readdirSync(store.layout.aside)).toEqual([]);
    expect(readdirSync(store.layout.links)).toHaveLength(2);
  });

  const paths = { short: ["bundle"], odd: ["a%2f.b", ".new"], long: Array(3).fill("x".repeat(120)) };
  test.for(Object.entries(paths))(
    "a layer stays as long as a directory that uses it: a %s path",
    async ([, parts]) => {
      await using directory = temporaryDirectory();
      const store = aStore(directory);
      const chain = await commitLayers(store, [{ a: "" }, { b: "" }]);
      const bundle = join(directory.path, ...parts);
      store.createWritable(chain[1], { directory: bundle });
      store.createWritable(chain[0], { name: "container-1" });
      expect(store.collect([]).layers).toEqual([]);
      rmSync(bundle, { recursive: true });
      expect(store.collect([]).layers).toEqual([chain[1]]);
      await store.removeWritable({ name: "container-1" });
      expect(store.collect([]).layers).toEqual([chain[0]]);
      await store.emptyAside();
      expect([...readdirSync(store.layout.uses), ...readdirSync(store.layout.writable)]).toEqual([]);
    },
  );

  needs("root")("containers on top of a layer share one init layer, which goes with it", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const chain = await commitLayers(store, [{ a: "" }, { "etc/hosts": "of the image" }]);
    spawnSync("chown", ["7:8", join(store.diff(chain[1]!), "etc")]);
    const [one, two] = ["one", "two"].map((name) => store.createWritable(chain[1], { name }));
    const bundle = join(directory.path, "bundle");
    const other = store.createWritable(chain[0], { directory: bundle });
    expect(two!.init).toBe(one!.init);
    expect(store.writable({ name: "one" }).init).toBe(one!.init);
    expect(other.init).not.toBe(one!.init);
    expect(readFileSync(join(one!.init, "etc/hosts"), "utf8")).toMatch(/^127\.0\.0\.1\tlocalhost\n/);
    expect(lstatSync(join(one!.init, "etc")).uid).toBe(7);
    expect(readdirSync(store.layout.layer(chain[1]!)).sort()).toEqual(["diff", "init", "layer.json"]);

    await store.removeWritable({ name: "one" });
    await store.removeWritable({ directory: bundle });
    for (const { init } of [two!, other]) expect(existsSync(join(init, "etc/hostname"))).toBe(true);
    await store.removeWritable({ name: "two" });
    await store.remove(chain[1]!);
    expect(existsSync(two!.init)).toBe(false);
  });

  test("an init layer that was left half made is made anew, and then it stays", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const [top] = await commitLayers(store, [{ a: "" }]);
    const layer = store.layout.layer(top!);
    // By a process that had our number.
    mkdirSync(join(layer, `init.${process.pid}/etc`), { recursive: true });
    const path = sharedInitLayer(layer, [store.diff(top!)]);
    const { ino } = lstatSync(path);
    expect(readdirSync(layer).sort()).toEqual(["diff", "init", "layer.json"]);
    expect(lstatSync(sharedInitLayer(layer, [store.diff(top!)])).ino).toBe(ino);
  });

  test("a layer that is being filled is left alone, one whose process died is not", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    const [id] = chainIDs([aDiffID()]);
    const active = await store.prepare(id!);
    if (active === "present") throw new Error("present");
    await using _given = active;
    const [dead] = chainIDs([aDiffID()]);
    mkdirSync(join(store.layout.activeLayer(dead!), "diff"), { recursive: true });
    store.collect([]);
    await store.emptyAside();
    expect(existsSync(active.diff)).toBe(true);
    expect(readdirSync(store.layout.active)).toHaveLength(1);
  });

  test("a store that another process opens meanwhile finds all of a layer or nothing", async () => {
    await using directory = temporaryDirectory();
    const store = aStore(directory);
    for (let round = 0; round < 20; round++) {
      const [id] = await commitLayers(store, [{ a: "1", b: "2" }], `round ${round}`);
      const reader = SnapshotStore.open(store.layout.root, { userXattr: false });
      store.collect([]);
      expect(reader.has(id!)).toBe(existsSync(reader.diff(id!)));
    }
  });
});
