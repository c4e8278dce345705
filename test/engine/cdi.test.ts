import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { withEdits } from "../../src/engine/cdi/apply.ts";
import { cdiDirectories, cdiEdits } from "../../src/engine/cdi/registry.ts";
import { testPrefix } from "../support/bundle.ts";
import { needs } from "../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "./an-engine.ts";

let directory: string;
let directories: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), `${testPrefix}-cdi-`));
  directories = ["etc", "run"].map((name) => join(directory, name));
});
afterEach(() => rmSync(directory, { recursive: true }));

function describeDevices(where: "etc" | "run", file: string, text: string | object): string {
  mkdirSync(join(directory, where), { recursive: true });
  const path = join(directory, where, file);
  writeFileSync(path, typeof text === "string" ? text : JSON.stringify(text));
  return path;
}

const one = (name: string, value: string) => ({
  cdiVersion: "0.6.0",
  kind: "vendor.com/thing",
  devices: [{ name, containerEdits: { env: [`WHO=${value}`] } }],
});
const variables = async (...names: string[]) =>
  (await cdiEdits(names, directories)).flatMap(({ env }) => env);

describe("devices by name — Container Device Interface, SPEC.md", () => {
  test("JSON and YAML; the file's own edits come once, before those of its devices", async () => {
    describeDevices(
      "etc",
      "many.yaml",
      `cdiVersion: "0.5.0"
kind: vendor.com/thing
devices:
  - name: a
    containerEdits: {env: ["A=1"]}
  - name: b
    containerEdits: {env: ["B=1"]}
containerEdits: {env: ["ALL=1"]}
`,
    );
    describeDevices("etc", "other.json", { ...one("x", "other"), kind: "other.org/class" });
    expect(await variables("vendor.com/thing=b", "other.org/class=x", "vendor.com/thing=a")).toEqual([
      "ALL=1",
      "B=1",
      "WHO=other",
      "A=1",
    ]);
  });

  test("what is in a later directory counts more", async () => {
    describeDevices("etc", "one.json", one("x", "etc"));
    describeDevices("run", "two.json", one("x", "run"));
    expect(await variables("vendor.com/thing=x")).toEqual(["WHO=run"]);
  });

  test("two files of one directory that have it are an error that names both", async () => {
    const paths = ["1.json", "2.json"].map((file) => describeDevices("etc", file, one("x", file)));
    await expect(variables("vendor.com/thing=x")).rejects.toMatchObject({
      kind: "InvalidArgument",
      message: `CDI device vendor.com/thing=x is in ${paths[0]} and in ${paths[1]}`,
    });
  });

  test("one that nobody describes: NotFound, with what is wrong in a file; other devices are there", async () => {
    describeDevices("etc", "good.json", one("x", "good"));
    describeDevices("etc", "bad.json", {
      ...one("y", "bad"),
      devices: [{ name: "y", containerEdits: { env: ["=1"] } }],
    });
    await expect(variables("vendor.com/thing=y")).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringMatching(
        /unresolvable CDI device vendor\.com\/thing=y; .*bad\.json: devices\[0\].*env\[0\]/,
      ),
    });
    expect(await variables("vendor.com/thing=x")).toEqual(["WHO=good"]);
  });

  test.each([
    ["an unknown version", { cdiVersion: "0.2.0" }, /cdiVersion/],
    ["a kind without a class", { kind: "vendor" }, /kind/],
    ["no devices", { devices: undefined }, /devices/],
    ["not JSON", undefined, /broken\.json/],
  ])("%s is told", async (_, change, message) => {
    describeDevices("etc", "broken.json", change ? { ...one("x", ""), ...change } : "{");
    await expect(variables("vendor.com/thing=x")).rejects.toThrow(message);
  });

  test("the usual directories, or those that the environment names", () => {
    expect(cdiDirectories({})).toEqual(["/etc/cdi", "/var/run/cdi"]);
    expect(cdiDirectories({ RUNT_CDI_SPEC_DIRS: "/a:/b" })).toEqual(["/a", "/b"]);
  });
});

describe("what they change in config.json — Container Device Interface, SPEC.md, OCI Edits", () => {
  const config = {
    process: { env: ["A=own", "B=own"], user: { additionalGids: [7] } },
    mounts: [],
    linux: { devices: [], resources: { devices: [{ allow: false, access: "rwm" }] } },
  };
  const changed = async (containerEdits: object) => {
    describeDevices("etc", "one.json", { ...one("x", ""), devices: [{ name: "x", containerEdits }] });
    return withEdits(config, await cdiEdits(["vendor.com/thing=x"], directories), { uid: 12, gid: 34 });
  };

  test("a node whose numbers are said need not be there; who is not said owns it is the user", async () => {
    const deviceNodes = [{ path: "/dev/new", type: "c", major: 240, minor: 3, permissions: "r" }];
    expect((await changed({ deviceNodes })).linux).toEqual({
      devices: [{ path: "/dev/new", type: "c", major: 240, minor: 3, fileMode: 0o666, uid: 12, gid: 34 }],
      resources: {
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, type: "c", major: 240, minor: 3, access: "r" },
        ],
      },
    });
  });

  test("a variable takes the place of one that is there; a group is there once", async () => {
    const { process } = await changed({ env: ["A=theirs", "C=1"], additionalGids: [7, 8] });
    expect(process).toEqual({ env: ["A=theirs", "B=own", "C=1"], user: { additionalGids: [7, 8] } });
  });

  test("hooks keep their order, each at its point", async () => {
    const hook = (hookName: string, path: string) => ({ hookName, path });
    const hooks = [hook("poststop", "/c"), hook("createRuntime", "/a"), hook("createRuntime", "/b")];
    expect(await changed({ hooks })).toMatchObject({
      hooks: { createRuntime: [{ path: "/a" }, { path: "/b" }], poststop: [{ path: "/c" }] },
    });
  });
});

describe("--device vendor/class=name — docker run", () => {
  const asRoot = needs("root", "cgroup2");
  beforeAll(prepareEngines);
  afterAll(forgetEngines);
  afterEach(() => {
    delete process.env.RUNT_CDI_SPEC_DIRS;
  });

  asRoot("nodes, mounts, variables, groups and hooks are in the container", async () => {
    const told = join(directory, "told");
    writeFileSync(join(directory, "library"), "of the vendor\n");
    describeDevices("run", "vendor.json", {
      cdiVersion: "0.7.0",
      kind: "vendor.com/thing",
      devices: [
        {
          name: "zero",
          containerEdits: {
            deviceNodes: [{ path: "/dev/thing0", hostPath: "/dev/zero", permissions: "r" }],
            additionalGids: [44],
          },
        },
        { name: "other", containerEdits: { deviceNodes: [{ path: "/dev/other" }] } },
      ],
      containerEdits: {
        env: ["THING=yes", "PATH=/bin"],
        mounts: [
          {
            hostPath: join(directory, "library"),
            containerPath: "/lib/vendor",
            options: ["ro", "nosuid", "bind"],
          },
        ],
        hooks: [{ hookName: "createContainer", path: "/bin/sh", args: ["sh", "-c", `cat >${told}`] }],
      },
    });
    process.env.RUNT_CDI_SPEC_DIRS = directories.join(":");
    await using t = await TestEngine.open();
    const device = (name: string) => ({ host: name, container: name, permissions: "rwm" });
    const script =
      "dd if=/dev/thing0 bs=4 count=1 2>/dev/null | wc -c; echo $THING; cat /lib/vendor; touch /lib/vendor 2>/dev/null; echo $?; id";
    const { stdout } = await t.output(t.script(script, { devices: [device("vendor.com/thing=zero")] }));
    expect(stdout).toMatch(/^4\nyes\nof the vendor\n1\nuid=0\(root\) gid=0\(root\) groups=.*44/);
    expect(JSON.parse(readFileSync(told, "utf8"))).toMatchObject({ ociVersion: expect.any(String) });

    const { id } = await t.engine.create(t.script("true", { devices: [device("vendor.com/thing=other")] }));
    await expect(t.engine.start(id)).rejects.toMatchObject({
      kind: "NotFound",
      message: "device /dev/other: no such file or directory",
    });
    await t.engine.remove(id);
    expect(t.remains()).toEqual([]);
  });
});
