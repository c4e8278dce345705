/** The bundles that the build makes: what is in them, and that they run. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build, stop } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCli } from "../../scripts/bundle-cli.ts";
import { tableOf } from "../../scripts/chunks.ts";

const root = resolve(import.meta.dirname, "../..");
const outdir = mkdtempSync(join(tmpdir(), "runt-bundle-"));
afterAll(async () => {
  rmSync(outdir, { recursive: true });
  await stop();
});

/** Everything that `entry` imports before it does anything. */
async function staticImports(entry: string): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    outdir: "/nowhere",
    write: false,
    metafile: true,
  });
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const i of metafile.inputs[path]?.imports ?? []) if (i.kind !== "dynamic-import") visit(i.path);
  };
  visit(entry);
  return [...seen];
}

describe.each(["runt-oci", "runt"])("%s before the command is known", (program) => {
  test("has loaded neither the runtime nor FFI nor a package", async () => {
    const loaded = await staticImports(`src/cli/${program}.ts`);
    const heavy = /node_modules|^src\/(spec\/(?!go-duration)|linux\/ffi|runtime\/(?!library\/default-root))/;
    expect(loaded.filter((path) => heavy.test(path))).toEqual([]);
  });

  test("has loaded none of the slow parts of Node", async () => {
    const loaded = await staticImports(`src/cli/${program}.ts`);
    const slow = ["node:child_process", "node:net", "node:stream", "node:tty", "node:module"];
    expect(loaded.filter((path) => slow.includes(path))).toEqual([]);
  });
});

describe("bundles", () => {
  beforeAll(() => bundleCli({ root, outdir, commit: "abc1234" }));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(outdir, "runt-oci.cjs"), ...args], {
      encoding: "utf8",
      env: {},
      cwd: "/",
    });

  test("run from any directory, know their commit, and need no bytecode", () => {
    const { status, stdout, stderr } = run("--version");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/\ncommit: abc1234\n/);
  });

  test("bytecode that V8 does not take is no error", () => {
    writeFileSync(join(outdir, "runt-oci.bundle.long.bytecode"), "nonsense");
    expect(run("--version").status).toBe(0);
    expect(run("--help").stdout).toContain("Life of a container");
  });

  test("a command's own table is asked first, and the whole program for what is not in it", () => {
    const own = (parts: Parameters<typeof tableOf>[0]) =>
      writeFileSync(join(outdir, "runt-oci.list.bundle"), tableOf(parts));
    const text = 'function () { process.stdout.write("from its own table"); return {}; }';
    own([{ name: "runt-oci", text, isDependency: false }]);
    expect(run("list").stdout).toBe("from its own table");
    expect(run("--version").stdout).toContain("commit: abc1234");
    own([]);
    expect(run("list", "--help").stdout).toContain("runt-oci list");
  });
});
