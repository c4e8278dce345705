/**
 * Programs of the tests that are started many times, in one file of JavaScript each: from the sources, Node takes half a
 * second to start them, most of it for reading types that it throws away.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { hasCode } from "../../src/linux/system-error.ts";

const root = join(import.meta.dirname, "../..");
/** Below the project, or nothing would find its packages. */
const parent = join(root, "dist/test");
const directory = join(parent, `compiled-${process.pid}`);

/**
 * Compiles a program.
 * @returns its file, which is gone when this process ends
 */
export function compiled(entry: string): string {
  mkdirSync(directory, { recursive: true });
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const name = basename(entry, ".ts");
  // Not its API, which would leave a process behind.
  execFileSync(join(root, "node_modules/esbuild/bin/esbuild"), [
    `lib/${name}=${entry}`,
    // What it looks for beside itself: what runs in threads, and what is compiled of C.
    `threads/layer=${join(root, "src/image/layer/thread.ts")}`,
    ...["--bundle", "--format=esm", "--platform=node", "--target=node24", "--packages=external"],
    ...[`--outdir=${directory}`, "--out-extension:.js=.mjs", "--log-level=warning"],
  ]);
  try {
    symlinkSync("..", join(parent, "dist"));
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
  return join(directory, "lib", `${name}.mjs`);
}
