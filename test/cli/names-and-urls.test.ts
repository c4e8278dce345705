/** `runt import URL`, short names of registries.conf, and `--platform` of load and rmi, as a user has them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { archiveOf } from "../../src/image/archive/save.ts";
import { writeWhole } from "../../src/image/archive/write-file.ts";
import { storeImage, storeIndex, tarOf } from "../image/content/images.ts";
import { Room } from "../image/content/room.ts";
import { temporaryDirectory } from "../image/snapshot/layers.ts";
import { missing } from "../support/needs.ts";
import { hasRegistry, startRegistry, type TestRegistry } from "../support/registry.ts";
import { runCli } from "./run-cli.ts";

const gone = hasRegistry ? missing("root") : "docker-registry";

/** Answers with the file, as a process of its own: the commands are waited for without going on here. */
const webServer = `require("http").createServer((request, response) => {
  if (request.url === "/root.tar") return require("fs").createReadStream(process.argv[1]).pipe(response);
  response.writeHead(404).end();
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });`;

describe.skipIf(gone !== undefined)(`runt: names and URLs${gone ? ` (needs ${gone})` : ""}`, () => {
  const directory = temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  let registry: TestRegistry;
  let server: ChildProcess;
  let url: string;

  const runt = (...args: string[]) =>
    runCli("runt", ["--data-root", at("root"), ...args], {
      HOME: at("home"),
      CONTAINERS_REGISTRIES_CONF: at("registries.conf"),
    });
  const out = (...args: string[]) => {
    const { status, stdout, stderr } = runt(...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout;
  };

  beforeAll(async () => {
    registry = await startRegistry();
    writeFileSync(at("root.tar"), tarOf("of the web"));
    server = spawn(process.execPath, ["-e", webServer, at("root.tar")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [port] = (await once(server.stdout!, "data")) as [Buffer];
    url = `http://127.0.0.1:${String(port).trim()}`;
    writeFileSync(at("registries.conf"), `[aliases]\nthing = "${registry.domain}/team/app"\n`);
  }, 120_000);

  afterAll(async () => {
    server?.kill("SIGKILL");
    await registry?.[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  test("import: stdout has the ID only; a user's password and a missing file are told as they should be", () => {
    const withUser = url.replace("://", "://me:secret@");
    const { status, stdout, stderr } = runt("import", "-m", "hello", `${withUser}/root.tar`, "web:1");
    expect({ status, stderr }).toEqual({ status: 0, stderr: `Downloading from ${url}/root.tar\n` });
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(out("images", "-q", "--no-trunc", "web:1")).toBe(stdout);
    expect(out("history", "--format", "{{.Comment}}", "web:1")).toBe("hello\n");
    expect(out("import", "-q", `${url}/root.tar`, "web:2")).toMatch(/^sha256:/);
    expect(out("history", "--format", "{{.Comment}}", "web:2")).toBe(`Imported from ${url}/root.tar\n`);
    // It may run on machines that can do less than this one.
    expect(out("image", "inspect", "-f", "{{.Variant}}", "web:1")).toBe("\n");
    const { host } = new URL(url);
    expect(runt("import", "-q", `${url}/nothing`, "web:3")).toEqual({
      status: 1,
      stdout: "",
      stderr: `error: cannot download ${url}/nothing: not found (${host} answered 404)\n`,
    });
  });

  test("an alias is what is pulled, found, pushed and removed", () => {
    const full = `${registry.domain}/team/app:1`;
    out("tag", "web:1", full);
    out("push", "-q", full);
    out("rmi", full);
    const pulled = out("pull", "thing:1").split("\n");
    expect(pulled.slice(0, 3)).toEqual([
      `Resolved "thing:1" as an alias (${at("registries.conf")})`,
      `Trying to pull ${full}...`,
      "1: Pulling from team/app",
    ]);
    expect(pulled.slice(-3)).toEqual([`Status: Downloaded newer image for ${full}`, full, ""]);
    expect(out("image", "inspect", "-f", "{{index .RepoTags 0}}", "thing:1")).toBe(`${full}\n`);
    expect(out("push", "thing:1")).toContain(`The push refers to repository [${registry.domain}/team/app]\n`);
    expect(out("pull", "-aq", "thing")).toBe(`${full}\n`);
    // docker's own name for it comes first.
    out("tag", "web:2", "thing:1");
    expect(out("rmi", "thing:1")).toBe("Untagged: thing:1\n");
    expect(out("rmi", "thing:1")).toBe(`Untagged: ${full}\n`);
    expect(runt("rmi", "thing:1")).toMatchObject({ status: 1 });
  });

  test("of several registries nobody can be asked to choose; what is blocked is not asked", () => {
    const conf = `unqualified-search-registries = ["${registry.domain}", "example.com"]
short-name-mode = "enforcing"\n[[registry]]\nlocation = "blocked.example.com"\nblocked = true\n`;
    writeFileSync(at("registries.conf"), conf);
    const { status, stderr } = runt("pull", "team/app:1");
    expect(status).toBe(1);
    expect(stderr).toContain(`"team/app:1" may be of 2 registries of ${at("registries.conf")}`);
    const login = runt("login", "-u", "me", "-p", "x", "blocked.example.com");
    expect(login.stderr).toContain("registry blocked.example.com is blocked in");
    writeFileSync(at("registries.conf"), conf.replace("enforcing", "disabled"));
    expect(out("pull", "-q", "team/app:1")).toBe(`${registry.domain}/team/app:1\n`);
    out("rmi", "team/app:1");
  });

  test("load and rmi for one machine of several", async () => {
    await using room = await Room.make();
    await using lease = await room.store.lease();
    const manifests = [];
    for (const architecture of ["amd64", "arm64", "s390x"]) {
      const platform = { os: "linux", architecture };
      const { manifest } = await storeImage(room.store, lease, { layers: [architecture], platform });
      manifests.push({ ...manifest, platform });
    }
    const target = await storeIndex(room.store, lease, manifests);
    const images = [{ names: ["docker.io/library/many:1"], target }];
    await writeWhole(at("many.tar"), archiveOf(room.store, images, { format: "docker-archive" }));
    const load = (...args: string[]) => out("load", "-i", at("many.tar"), ...args);
    expect(load("--platform", "linux/arm64,linux/s390x")).toBe("Loaded image: many:1\n");
    const architecture = (...args: string[]) =>
      out("image", "inspect", "-f", "{{.Architecture}}", ...args, "many:1").trim();
    expect(architecture("--platform", "s390x")).toBe("s390x");
    expect(runt("image", "inspect", "--platform", "amd64", "many:1").status).toBe(1);
    out("tag", "--platform", "arm64", "many:1", "many:2");
    expect(runt("rmi", "--platform", "linux/arm64", "many:1").stderr).toBe(
      "error: cannot remove many:1: it would go from 2 names: docker.io/library/many:1, docker.io/library/many:2\n",
    );
    expect(out("rmi", "many:2")).toBe("Untagged: many:2\n");
    expect(out("rmi", "--platform", "linux/arm64", "many:1")).toMatch(
      /^(Deleted: sha256:[0-9a-f]{64}\n){2}$/,
    );
    expect(architecture()).toBe("s390x");
    expect(runt("load", "-i", at("many.tar"), "--platform", "linux/riscv64").stderr).toContain(
      "has no image for linux/riscv64",
    );
    expect(out("rmi", "--platform", "linux/s390x", "many:1")).toMatch(/^Untagged: many:1\nDeleted: /);
  });
});
