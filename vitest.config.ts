/** How the tests run: real containers, so every file in a process of its own, and each looks for leaks at its end. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What only the guest has is listed in test/vm/suite.txt and run there.
    exclude: process.env.RUNT_VM ? [] : ["test/vm/**"],
    pool: "forks",
    setupFiles: ["test/support/leak-check.ts"],
    globalSetup: ["test/support/build.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ["default", "./test/vm/summary-reporter.ts"],
  },
});
