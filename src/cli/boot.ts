/**
 * What Node starts: it runs a program's bundle with the bytecode that V8 made of it at build time. Node has a compile
 * cache of its own, but one for each user and each path, so that what the build makes would be of use to nobody.
 */
import { existsSync, readFileSync } from "node:fs";
import { Script } from "node:vm";

declare const __filename: string;
declare const require: NodeJS.Require;

// Of a package that was installed without looking at what it needs.
if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write(`runt: needs Node 24 or later; ${process.execPath} is ${process.version}\n`);
  process.exit(1);
}

const filename = __filename.replace(/\.cjs$/, ".bundle");

/** The build takes the bytecode out of it. */
export const script: Script = new Script(readFileSync(filename, "latin1"), {
  filename,
  cachedData: bytecode(),
});

/**
 * Of the command that is asked for, as far as one can tell without reading the options: to load what another one needs
 * costs time and nothing else. V8 refuses bytecode from another version of Node, and compiles as ever.
 */
function bytecode(): Buffer | undefined {
  for (const word of process.argv.slice(2)) {
    const path = `${filename}.${word}.bytecode`;
    if (!word.startsWith("-") && !word.includes("/") && existsSync(path)) return readFileSync(path);
  }
  const path = `${filename}.bytecode`;
  return existsSync(path) ? readFileSync(path) : undefined;
}

/** Dependencies, which few commands need. */
function rest(): unknown {
  const path = `${filename}.rest`;
  return new Script(readFileSync(path, "latin1"), { filename: path }).runInThisContext();
}

script.runInThisContext()(require, `file://${filename}`, rest);
