/**
 * Runs one command of a bundle in this process, and writes the bytecode of everything that ran:
 * `node scripts/bytecode-of.ts <dist/cli/program.cjs> <output> [arguments of the program]`.
 */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const [, , boot, output, ...args] = process.argv as [string, string, string, string, ...string[]];
const require = createRequire(import.meta.url);

process.argv = [process.execPath, boot, ...args];
process.once("exit", () => {
  const { script } = require(boot) as typeof import("../src/cli/boot.ts");
  writeFileSync(output, script.createCachedData());
});
require(boot);
