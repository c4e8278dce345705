/**
 * Runs one command of a bundle in this process, and writes the bytecode of everything that ran in the first table that
 * it opened, or, into a file that is not named as bytecode, the names of the parts that ran:
 * `node scripts/bytecode-of.cts <dist/cli/program.cjs> <output> [arguments of the program]`.
 *
 * In CommonJS, since the loader of ES modules brings streams along, and src/cli/end.ts ends otherwise where they are.
 */
const { writeFileSync } = require("node:fs") as typeof import("node:fs");

const [, , boot, output, ...args] = process.argv as [string, string, string, string, ...string[]];

process.argv = [process.execPath, boot, ...args];
process.once("exit", () => {
  const { scripts, loaded } = require(boot) as typeof import("../src/cli/boot.ts");
  const result = output.endsWith("bytecode") ? scripts[0]!.createCachedData() : [...loaded.keys()].join("\n");
  writeFileSync(output, result);
});
require(boot);
