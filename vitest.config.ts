/** How the tests run: real containers, so every file in a process of its own, and each looks for leaks at its end. */
import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** Left out of `npm test`, unless they are asked for by name. */
const long = readFileSync(new URL("test/long.txt", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((path) => (path.endsWith(".ts") ? path : `${path}/**`));
const named = process.argv.slice(2).some((word) => word.startsWith("test"));

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What only the guest has is listed in test/vm/suite.txt and run there.
    exclude: process.env.RUNT_VM ? [] : ["test/vm/**", ...(named ? [] : long)],
    pool: "forks",
    setupFiles: ["test/support/leak-check.ts"],
    globalSetup: ["test/support/build.ts"],
    // Nothing here is a measure: a machine may have all its processors busy with something else.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: process.env.RUNT_VM ? 120_000 : 20_000 } },
    reporters: ["default", "./test/vm/summary-reporter.ts"],
  },
});
