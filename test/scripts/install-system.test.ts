/** scripts/install-system and scripts/uninstall-system, into a directory of the test's own. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ended } from "../engine/an-engine.ts";
import { busyboxArchive } from "../support/busybox-archive.ts";
import { eventually } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";

const project = resolve(import.meta.dirname, "../..");
const isBuilt = spawnSync(join(project, "bin/runt-oci"), ["--version"]).status === 0;
let prefix: string;

function script(name: string, at = prefix): { status: number | null; stderr: string } {
  return spawnSync(join(project, "scripts", name), {
    env: { PATH: process.env.PATH, PREFIX: at },
    encoding: "utf8",
  });
}

beforeAll(() => {
  prefix = mkdtempSync(join(tmpdir(), "runt-prefix-"));
});

afterAll(() => rmSync(prefix, { recursive: true }));

describe.skipIf(!isBuilt)("install-system (needs a build)", () => {
  test("runt-oci and runt start through their links, with an empty environment and from any directory", () => {
    expect(script("install-system")).toMatchObject({ status: 0, stderr: "" });
    for (const program of ["runt-oci", "runt"]) {
      const link = join(prefix, "bin", program);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(execFileSync(link, ["--version"], { env: {}, cwd: "/", encoding: "utf8" })).toMatch(
        /^runt(-oci)? version /,
      );
    }
  });

  test("nothing of the checkout is needed: Node is a file of its own", () => {
    expect(lstatSync(join(prefix, "lib/runt/dist/native/node")).isFile()).toBe(true);
    expect(readdirSync(join(prefix, "lib/runt/dist/native")).sort()).toEqual([
      "ffi-rs.node",
      "librunt.so",
      "node",
      "runt-after",
      "runt-dns",
      "runt-init",
      "runt-proxy",
      "runt-shim",
      "runt-userns",
    ]);
  });

  asRoot("containers of images run, and are seen to when nobody waits for them", async () => {
    const own = mkdtempSync(join(prefix, "own-"));
    const runt = (...args: string[]): string =>
      execFileSync(
        join(prefix, "bin/runt"),
        ["--root", join(own, "run"), "--data-root", join(own, "data"), ...args],
        { env: { PATH: "/bin:/usr/bin" }, cwd: "/", encoding: "utf8" },
      ).trim();
    runt("import", busyboxArchive(own), "bb");
    expect(runt("run", "--rm", "--init", "--network=none", "bb", "cat", "/proc/1/comm")).toBe("docker-init");
    const id = runt("run", "-d", "--rm", "--network=none", "bb", "sleep", "0.2");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    await eventually(() => (runt("ps", "-aq") === "" ? true : undefined), "the container to be removed");
    await ended(own);
    rmSync(own, { recursive: true });
  });

  test("a second installation replaces the first", () => {
    writeFileSync(join(prefix, "lib/runt/dist/cli/old"), "");
    expect(script("install-system").status).toBe(0);
    expect(existsSync(join(prefix, "lib/runt/dist/cli/old"))).toBe(false);
    expect(readdirSync(join(prefix, "lib"))).toEqual(["runt"]);
  });

  test("uninstall-system leaves nothing, and touches nothing that is somebody else's", () => {
    writeFileSync(join(prefix, "bin/other"), "");
    rmSync(join(prefix, "bin/runt"));
    symlinkSync("/somewhere/else/runt", join(prefix, "bin/runt"));
    expect(script("uninstall-system").status).toBe(0);
    expect(readdirSync(join(prefix, "bin")).sort()).toEqual(["other", "runt"]);
    expect(readdirSync(join(prefix, "lib"))).toEqual([]);
    expect(script("uninstall-system").status).toBe(0);
  });

  test("a directory that install-system has not made is not replaced", () => {
    const other = join(prefix, "other");
    mkdirSync(join(other, "lib/runt"), { recursive: true });
    expect(script("install-system", other)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("not from us"),
    });
  });
});
