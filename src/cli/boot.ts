/**
 * What Node starts: it runs a program's bundle with the bytecode that V8 made of it at build time. Node has a compile
 * cache of its own, but one for each user and each path, so that what the build makes would be of use to nobody.
 */
import { readFileSync } from "node:fs";
import { Script } from "node:vm";

declare const __filename: string;
declare const __dirname: string;
declare const require: NodeJS.Require;

const filename = __filename.replace(/\.cjs$/, ".bundle");

/** The build reads the bytecode out of it. */
export const script: Script = new Script(readFileSync(filename, "latin1"), {
  filename,
  cachedData: bytecode(),
});

/** Runs the program, with the arguments in `process.argv`. */
export function run(): void {
  script.runInThisContext()(require, `file://${filename}`);
}

/** V8 refuses it when Node is another version, and compiles as ever. */
function bytecode(): Buffer | undefined {
  try {
    return readFileSync(`${filename}.bytecode`);
  } catch {
    return undefined;
  }
}

run();
