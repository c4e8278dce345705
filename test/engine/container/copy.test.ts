/** `cp`: in, out, whether the container runs or not; and what a hostile container makes of it. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { copy } from "../../../src/engine/copy/copy.ts";
import { LocalFiles } from "../../../src/engine/copy/local.ts";
import { archive, type RawEntry } from "../../support/archive.ts";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

const quiet = {
  followLink: false,
  owner: "archive",
  onWarning: () => {},
  signal: new AbortController().signal,
} as const;

async function copyIn(t: TestEngine, id: string, from: string, to: string, options = {}): Promise<void> {
  await using files = await t.engine.files(id);
  await copy(new LocalFiles(), from, files, to, { ...quiet, ...options });
}

async function copyOut(t: TestEngine, id: string, from: string, to: string, options = {}): Promise<void> {
  await using files = await t.engine.files(id);
  await copy(files, from, new LocalFiles(), to, { ...quiet, ...options });
}

/** What a command prints in the container, which must run. */
async function sh(t: TestEngine, id: string, script: string): Promise<string> {
  await using process = await t.engine.exec(id, { args: ["sh", "-c", script] });
  let text = "";
  for await (const part of process.stdout!) text += part;
  return text;
}

function tree(path: string): string {
  return execFileSync("find", [".", "-printf", "%P %y %m %U:%G %s %l\\n"], { cwd: path, encoding: "utf8" })
    .split("\n")
    .sort()
    .join("\n");
}

function makeSource(directory: string): string {
  const source = join(directory, "source");
  mkdirSync(join(source, "sub"), { recursive: true });
  writeFileSync(join(source, "file"), "content\n", { mode: 0o640 });
  writeFileSync(join(source, "sub/.wh.name"), "not a whiteout\n");
  symlinkSync("sub/.wh.name", join(source, "link"));
  chownSync(join(source, "file"), 1234, 555);
  spawnSync("truncate", ["-s", "3000000", join(source, "sub/holes")]);
  return source;
}

for (const status of ["running", "stopped", "created"] as const) {
  describe(`cp — a container that is ${status}`, () => {
    const container = async (t: TestEngine, changes = {}) => {
      if (status === "created") return (await t.engine.create(t.script("sleep 60", changes))).id;
      const id = await t.running(t.script("sleep 60", changes));
      if (status === "running") return id;
      await t.engine.kill(id);
      await t.engine.wait(id);
      return id;
    };

    asRoot("in and out again: the same tree, owners, modes and links too", async () => {
      await using t = await TestEngine.open();
      const id = await container(t);
      const source = makeSource(t.directory);
      await copyIn(t, id, source, "/new");
      await copyOut(t, id, "/new", join(t.directory, "back"));
      expect(tree(join(t.directory, "back"))).toBe(tree(source));
      // The second time it is there, and goes into it.
      await copyIn(t, id, source, "/new");
      await copyOut(t, id, "/new/source/.", join(t.directory, "again"));
      expect(tree(join(t.directory, "again"))).toBe(tree(source));
      expect(t.remains().filter((what) => what.startsWith("state")).length).toBe(
        status === "running" ? 1 : 0,
      );
    });

    asRoot("volumes and bind mounts are written where they are", async () => {
      await using t = await TestEngine.open();
      const bind = join(t.directory, "bind");
      mkdirSync(bind);
      const mount = { readonly: false, propagation: "rprivate", recursive: "enabled", options: [] } as const;
      const id = await container(t, {
        mounts: [
          { type: "bind", source: bind, destination: "/mnt/bind", missing: "refuse", ...mount },
          {
            type: "volume",
            name: "vol",
            destination: "/data",
            readonly: false,
            copyUp: true,
            subpath: undefined,
            driverOptions: {},
            labels: {},
          },
        ],
      });
      const source = makeSource(t.directory);
      await copyIn(t, id, join(source, "file"), "/mnt/bind/");
      expect(readFileSync(join(bind, "file"), "utf8")).toBe("content\n");
      await copyIn(t, id, join(source, "file"), "/data/renamed");
      expect(readFileSync(join(t.root, "volumes/vol/_data/renamed"), "utf8")).toBe("content\n");
      await copyOut(t, id, "/data", join(t.directory, "out"));
      expect(readFileSync(join(t.directory, "out/file"), "utf8")).toBe("from the image\n");
      expect(existsSync(join(t.root, "containers", id, "upper/data/renamed"))).toBe(false);
    });

    asRoot("no link leads out, in the middle of a path or at its end", async () => {
      await using t = await TestEngine.open();
      const id = await container(t);
      const victim = join(t.directory, "victim");
      mkdirSync(victim);
      writeFileSync(join(victim, "secret"), "the host's\n");
      const links = join(t.directory, "links");
      mkdirSync(links);
      symlinkSync(victim, join(links, "dir"));
      symlinkSync(join(victim, "secret"), join(links, "file"));
      symlinkSync(`${"../".repeat(20)}${victim.slice(1)}`, join(links, "up"));
      await copyIn(t, id, `${links}/.`, "/");
      const source = makeSource(t.directory);
      // What the host has there the container has not.
      await expect(copyOut(t, id, "/dir/secret", join(t.directory, "x"))).rejects.toMatchObject({
        kind: "NotFound",
      });
      await expect(copyOut(t, id, "/up/secret", join(t.directory, "x"))).rejects.toMatchObject({
        kind: "NotFound",
      });
      await expect(
        copyOut(t, id, "/file", join(t.directory, "x"), { followLink: true }),
      ).rejects.toMatchObject({
        kind: "NotFound",
      });
      for (const place of ["/dir/", "/dir/new", "/up/new", "/file"])
        await expect(copyIn(t, id, join(source, "file"), place), place).rejects.toMatchObject({
          kind: "NotFound",
        });
      await copyOut(t, id, "/file", join(t.directory, "link"));
      expect(lstatSync(join(t.directory, "link")).isSymbolicLink()).toBe(true);
      // An archive's own names neither.
      await using files = await t.engine.files(id);
      const write = (...entries: RawEntry[]) =>
        files.write(files.find("/tmp"), Readable.from([archive(...entries)]));
      await expect(write({ name: "../../escape", data: "x" })).rejects.toMatchObject({
        kind: "InvalidArgument",
      });
      await write({ name: "a", type: "2", linkname: victim }, { name: "a/planted", data: "x" }).catch(
        () => {},
      );
      expect(tree(victim)).toBe(tree(victim).replace(/.*planted.*\n/, ""));
      expect(existsSync(join(victim, "planted"))).toBe(false);
      expect(existsSync("/escape")).toBe(false);
    });
  });
}

describe("cp", () => {
  asRoot("a running container that swaps directories for links while we copy gains nothing", async () => {
    await using t = await TestEngine.open();
    const victim = join(t.directory, "victim");
    mkdirSync(victim);
    writeFileSync(join(victim, "secret"), "the host's\n");
    const id = await t.running(
      t.script(`mkdir -p /d/real; cd /d; ln -s ${victim} link; mv() { busybox mv "$@" 2>/dev/null; }
        while :; do mv real swap; mv link real; mv real link; mv swap real; done`),
    );
    const source = makeSource(t.directory);
    for (let i = 0; i < 40; i++) {
      await copyIn(t, id, join(source, "file"), "/d/real/planted").catch(() => {});
      await copyOut(t, id, "/d/real/secret", join(t.directory, "stolen")).catch(() => {});
    }
    expect(existsSync(join(victim, "planted"))).toBe(false);
    expect(existsSync(join(t.directory, "stolen"))).toBe(false);
  });

  asRoot("a directory is not overwritten by a file, nor the other way round", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.script("true"));
    const source = makeSource(t.directory);
    rmSync(join(source, "sub"), { recursive: true });
    writeFileSync(join(source, "sub"), "a file now");
    await expect(copyIn(t, id, `${source}/.`, "/data")).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining('cannot overwrite directory "/data/sub"'),
    });
    await copyOut(t, id, "/data/sub/deep", join(t.directory, "deep"));
    mkdirSync(join(t.directory, "tree/file"), { recursive: true });
    await expect(copyIn(t, id, `${t.directory}/tree/.`, "/data")).rejects.toMatchObject({
      message: expect.stringContaining("cannot overwrite non-directory"),
    });
  });

  asRoot("a read-only root stays as it is, a volume in it does not", async () => {
    await using t = await TestEngine.open();
    const volume = {
      type: "volume",
      name: "vol",
      destination: "/data",
      readonly: false,
      copyUp: false,
    } as const;
    const mounts = [{ ...volume, subpath: undefined, driverOptions: {}, labels: {} }];
    const source = makeSource(t.directory);
    const made = [
      (await t.engine.create(t.script("sleep 60", { readonlyRootfs: true, mounts }))).id,
      await t.running(t.script("sleep 60", { readonlyRootfs: true, mounts })),
    ];
    for (const id of made) {
      await expect(copyIn(t, id, join(source, "file"), "/home/x")).rejects.toMatchObject({
        kind: "FailedPrecondition",
        message: "container rootfs is marked read-only",
      });
      await copyIn(t, id, join(source, "file"), `/data/${id.slice(0, 5)}`);
      expect(existsSync(join(t.root, "volumes/vol/_data", id.slice(0, 5)))).toBe(true);
    }
  });

  asRoot(
    "--archive: what is copied in belongs to the container's user, what is copied out to its owner",
    async () => {
      await using t = await TestEngine.open();
      const id = await t.running(t.script("sleep 60", { user: "alice" }));
      const source = makeSource(t.directory);
      await copyIn(t, id, join(source, "file"), "/tmp/own", { owner: "container" });
      await copyIn(t, id, join(source, "file"), "/tmp/kept");
      expect(await sh(t, id, "stat -c %u:%g /tmp/own /tmp/kept")).toBe("1000:1001\n1234:555\n");
      const [kept, mine] = [join(t.directory, "kept"), join(t.directory, "mine")];
      await copyOut(t, id, "/tmp/kept", kept);
      await copyOut(t, id, "/tmp/kept", mine, { owner: "container" });
      expect([kept, mine].map((path) => lstatSync(path).uid)).toEqual([1234, process.getuid!()]);
    },
  );

  asRoot("while one copies, a container that does not run is not started", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.script("sleep 60"));
    let started = false;
    const files = await t.engine.files(id);
    const start = t.engine.start(id).then((one) => {
      started = true;
      one[Symbol.dispose]();
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(started).toBe(false);
    await files[Symbol.asyncDispose]();
    await start;
    expect(await t.status(id)).toBe("running");
  });

  asRoot("names of any bytes, long ones, sparse files, hard links, and attributes", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    const long = "n".repeat(200);
    await sh(
      t,
      id,
      `cd /tmp; mkdir "é ü"; echo 1 > "é ü/${long}"; ln "é ü/${long}" hard; touch "$(printf 'a\\nb')"`,
    );
    const out = join(t.directory, "out");
    await copyOut(t, id, "/tmp", out);
    expect(readFileSync(join(out, "é ü", long), "utf8")).toBe("1\n");
    expect(lstatSync(join(out, "hard")).ino).toBe(lstatSync(join(out, "é ü", long)).ino);
    expect(existsSync(join(out, "a\nb"))).toBe(true);
    await copyOut(t, id, "/tmp/é ü", join(t.directory, "umlaut"));
    await copyIn(t, id, join(t.directory, "umlaut"), "/tmp/ß");
    expect(await sh(t, id, `cat /tmp/ß/${long}`)).toBe("1\n");
  });
});
