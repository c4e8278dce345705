/**
 * A program for a process of its own that uses our sources, as JavaScript. Node would read TypeScript too, but does it
 * with WebAssembly, and that crashes V8 once in thirty times where a processor is emulated, as in the VM lane.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

export class Script implements Disposable {
  /** Anybody may read it. */
  readonly path: string;
  readonly #directory: string;

  /** @param source TypeScript; what it imports is named from the project's top, as in "./src/linux/fd.ts" */
  constructor(source: string) {
    mkdirSync(join(root, "dist"), { recursive: true });
    // As deep as src/linux, from where the native parts are looked for.
    this.#directory = mkdtempSync(join(root, "dist", ".script-"));
    chmodSync(this.#directory, 0o755);
    this.path = join(this.#directory, "script.mjs");
    // The program and not the library, which leaves a process behind.
    const options = ["--bundle", "--format=esm", "--platform=node", "--target=node24", "--log-level=error"];
    const esbuild = join(root, "node_modules/.bin/esbuild");
    execFileSync(esbuild, [...options, "--loader=ts", `--outfile=${this.path}`], {
      cwd: root,
      input: source,
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
