/**
 * Modules of Node that are loaded when one of their functions is first called: node:crypto takes as long to load as a
 * container takes to start, and whatever imports it somewhere would wait for it each time.
 */
import type { Plugin } from "esbuild";

/** What the sources import of them; esbuild tells of what is missing here. Functions only. */
const lazy: Readonly<Record<string, string>> = {
  "node:child_process": "execFile spawn spawnSync",
  "node:crypto": "createHash randomBytes randomInt randomUUID",
  "node:fs/promises": "copyFile lstat mkdir open opendir readdir readFile realpath rename rm stat",
  "node:stream/promises": "pipeline",
  "node:timers/promises": "setTimeout",
};

/** A function that is the module's in what it does, and in what util.promisify makes of it. */
function standIn(path: string, name: string): string {
  const itself = `require("${path}").${name}`;
  return `export function ${name}(...args) { return ${itself}(...args); }
    Object.defineProperty(${name}, promisified, { get: () => ${itself}[promisified] });`;
}

export const lazyModules: Plugin = {
  name: "lazy-modules",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, importer, namespace }) => {
      const isOurs = namespace === "file" && !importer.includes("/node_modules/");
      return isOurs && path in lazy ? { path, namespace: "lazy-module" } : undefined;
    });
    onLoad({ filter: /.*/, namespace: "lazy-module" }, ({ path }) => ({
      contents: [
        'const promisified = Symbol.for("nodejs.util.promisify.custom");',
        ...lazy[path]!.split(" ").map((name) => standIn(path, name)),
      ].join("\n"),
      resolveDir: "/",
    }));
  },
};
