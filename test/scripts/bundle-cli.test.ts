/** The bundles that the build makes: what is in them, and that they run. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build, stop } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleCli } from "../../scripts/bundle-cli.ts";
import { joinedTableOf, type Part, tableOf } from "../../scripts/chunks.ts";

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
    const own = (parts: readonly Part[]) =>
      writeFileSync(join(outdir, "runt-oci.list.bundle"), tableOf(parts));
    const module = 'process.stdout.write("from its own table");\n';
    own([{ name: "runt-oci", module, isDependency: false }]);
    expect(run("list").stdout).toBe("from its own table");
    expect(run("--version").stdout).toContain("commit: abc1234");
    own([]);
    expect(run("list", "--help").stdout).toContain("runt-oci list");
  });
});

describe("a joined table", () => {
  const part = (name: string, ...lines: string[]): Part => {
    const module = lines.map((line) => `${line}\n`).join("");
    return { name, module, isDependency: false };
  };
  const parts = {
    sum: part("sum", 'ran("sum");', "var add = (a, b) => a + b;", "export { add };"),
    first: part(
      "first",
      'import { add as plus } from "./sum.js";',
      'ran("first");',
      "export { plus as both };",
    ),
    entry: part(
      "entry",
      'import { both } from "./first.js";',
      'ran("entry", both(1, 2));',
      'var go = () => import("./late.js");',
      "export { go };",
    ),
    late: part("late", 'import { both } from "./first.js";', "var four = both(2, 2);", "export { four };"),
    elsewhere: part("elsewhere", 'import { add } from "./sum.js";', "export { add as other };"),
  };
  /** What has run when the table has been opened, and its entries. */
  const open = async (table: readonly (keyof typeof parts)[], always: readonly string[]) => {
    const names = table.map((name) => parts[name]);
    const script = await joinedTableOf(names, new Set(always), Object.values(parts));
    const ran: unknown[][] = [];
    const load = (name: string) => own[name]!();
    const evaluate = new Function("ran", `return ${script};`);
    const own: Record<string, () => unknown> = evaluate((...what: unknown[]) => ran.push(what))(
      null,
      "",
      load,
    );
    return { own, ran };
  };

  test("runs the parts that are always needed in their order, when it is opened, and once", async () => {
    const { own, ran } = await open(["sum", "first", "entry"], ["sum", "first", "entry"]);
    expect(ran).toEqual([["sum"], ["first"], ["entry", 3]]);
    own.entry!();
    expect(ran).toHaveLength(3);
  });

  test("has no entry for what only its own parts import, and one for what others may ask for", async () => {
    const all = ["sum", "first", "entry", "late"] as const;
    const { own } = await open(all, all);
    expect(Object.keys(own)).toEqual(["sum", "entry", "late"]);
    expect((own.sum!() as { add: (a: number, b: number) => number }).add(3, 4)).toBe(7);
    const { own: less } = await open(["sum", "first", "entry"], ["sum", "first", "entry"]);
    expect(Object.keys(less)).toEqual(["sum", "first", "entry"]);
  });

  test("has what is needed sometimes, and runs it when it is asked for", async () => {
    const { own } = await open(["sum", "first", "entry", "late"], ["sum", "first", "entry"]);
    const { go } = own.entry!() as { go: () => Promise<unknown> };
    expect(await go()).toEqual({ four: 4 });
  });
});
