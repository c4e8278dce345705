import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { makeDirectory } from "../../src/linux/make-directory.ts";
import { testPrefix } from "../support/bundle.ts";

const directory = mkdtempSync(join(tmpdir(), `${testPrefix}-mkdir-`));
afterAll(() => rmSync(directory, { recursive: true }));

test("with all that leads to it; one that is there stays as it is", () => {
  makeDirectory(join(directory, "a/b/c"), 0o700);
  for (const path of ["a", "a/b", "a/b/c"]) {
    expect(statSync(join(directory, path)).mode & 0o777).toBe(0o700);
  }
  makeDirectory(join(directory, "a/b"), 0o755);
  expect(statSync(join(directory, "a/b")).mode & 0o777).toBe(0o700);
});

test("a file in its place, or on the way", () => {
  const file = join(directory, "file");
  writeFileSync(file, "");
  expect(() => makeDirectory(file)).toThrow(expect.objectContaining({ code: "EEXIST" }));
  expect(() => makeDirectory(join(file, "x/y"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
});

test("where nobody can make one it ends", () => {
  expect(() => makeDirectory("/proc/missing/x")).toThrow(expect.objectContaining({ code: "ENOENT" }));
});
