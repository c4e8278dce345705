/** Builds everything that is installed: the C part, the programs and the library, into dist/ and bin/. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { builtFiltersDefine } from "./built-filters.ts";
import { bundleCli } from "./bundle-cli.ts";
import { trainCommands } from "./bytecode.ts";

const root = resolve(import.meta.dirname, "..");
const dist = join(root, "dist");
const native = join(dist, "native");
const node = join(root, "node_modules", `node-linux-${process.arch}`, "bin", "node");

buildNative();
await buildCli();
await buildLibrary();
await buildThreads();

/** The shim, the library for FFI and the launcher; Node and the FFI addon beside them. */
function buildNative(): void {
  mkdirSync(native, { recursive: true });
  execFileSync("make", ["--silent", "-C", join(root, "native-shims"), `NODE=${node}`], { stdio: "inherit" });
  replace(join(native, "node"), (path) => symlinkSync(relative(native, node), path));
  const [addon] = globSync(`node_modules/@yuuang/ffi-rs-linux-${process.arch}-gnu/*.node`, { cwd: root });
  if (!addon) throw new Error(`no ffi-rs addon for ${process.arch}: run npm ci`);
  replace(join(native, "ffi-rs.node"), (path) => copyFileSync(join(root, addon), path));
  for (const name of ["runt-oci", "runt"]) {
    replace(join(root, "bin", name), (path) => {
      copyFileSync(join(native, "launcher"), path);
      chmodSync(path, 0o755);
    });
  }
}

/** Into a directory of its own first: a program that starts meanwhile finds the old parts or the new, no mixture. */
async function buildCli(): Promise<void> {
  const fresh = mkdtempSync(join(dist, ".cli-"));
  chmodSync(fresh, 0o755);
  const parts = await bundleCli({ root, outdir: fresh, commit: commitOfSources() });
  const staticProgram = join(native, "runt-after");
  for (const problem of await trainCommands({ node, outdir: fresh, parts, staticProgram })) {
    console.error(`build: no container to compile for, so this starts slower: ${problem}`);
  }
  const old = `${fresh}.old`;
  if (existsSync(join(dist, "cli"))) renameSync(join(dist, "cli"), old);
  renameSync(fresh, join(dist, "cli"));
  rmSync(old, { recursive: true, force: true });
}

/** For programs that import the package, with its types; its dependencies stay packages. */
async function buildLibrary(): Promise<void> {
  const entry = join(root, "src/index.ts");
  rmSync(join(dist, "lib"), { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: join(dist, "lib"),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    packages: "external",
    define: builtFiltersDefine,
    sourcemap: "linked",
    logLevel: "warning",
  });
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(node, [tsc, "-p", join(root, "tsconfig.types.json")], { stdio: "inherit" });
}

/** What runs in threads of its own, for the programs and the library alike. */
async function buildThreads(): Promise<void> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["src/image/layer/thread.ts"],
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    write: false,
    logLevel: "warning",
  });
  replace(join(dist, "threads/layer.mjs"), (path) => writeFileSync(path, outputFiles[0]!.contents));
}

/** Makes a file under another name and moves it over `path`, which may be in use. */
function replace(path: string, make: (temporary: string) => void): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  make(temporary);
  renameSync(temporary, path);
}

function commitOfSources(): string {
  const { status, stdout } = spawnSync("git", ["-C", root, "rev-parse", "--short=12", "HEAD"], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : "unknown";
}
