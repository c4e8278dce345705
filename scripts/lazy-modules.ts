/**
 * Modules of Node that are loaded when one of their functions is first called: node:crypto takes as long to load as a
 * container takes to start, and whatever imports it somewhere would wait for it each time.
 */
import type { Plugin } from "esbuild";

/** Functions that the sources import of them; esbuild tells of what is missing here. */
const lazy: Readonly<Record<string, string>> = {
  "node:child_process": "execFile spawn spawnSync",
  "node:crypto": "createHash randomBytes randomInt randomUUID",
  "node:os": "availableParallelism homedir machine tmpdir totalmem userInfo",
  "node:fs/promises": "copyFile lstat mkdir open opendir readdir readFile realpath rename rm stat",
  "node:stream/promises": "pipeline",
  "node:timers/promises": "setTimeout",
};

/** Objects of theirs, with what the sources take out of them. */
const lazyObjects: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "node:os": { constants: "errno signals" },
};

function objectStandIn(path: string, name: string, properties: string): string {
  const getters = properties
    .split(" ")
    .map((property) => `get ${property}() { return require("${path}").${name}.${property}; }`);
  return `export const ${name} = { ${getters} };`;
}

/** Of what util.promisify makes something else than of other functions. */
const promisified = ["execFile"];

/** A function that is the module's in what it does, and in what util.promisify makes of it. */
function standIn(path: string, name: string): string {
  const itself = `require("${path}").${name}`;
  const own = 'Symbol.for("nodejs.util.promisify.custom")';
  return `export function ${name}(...args) { return ${itself}(...args); }
    ${promisified.includes(name) ? `Object.defineProperty(${name}, ${own}, { get: () => ${itself}[${own}] });` : ""}`;
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
        ...lazy[path]!.split(" ").map((name) => standIn(path, name)),
        ...Object.entries(lazyObjects[path] ?? {}).map((object) => objectStandIn(path, ...object)),
      ].join("\n"),
      resolveDir: "/",
    }));
  },
};
