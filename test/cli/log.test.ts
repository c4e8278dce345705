import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openLog } from "../../src/cli/log.ts";

const directory = mkdtempSync(join(tmpdir(), "runt-log-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("the log, as logrus writes it", () => {
  test("JSON: one object a line with level, msg and an RFC 3339 time", () => {
    const path = join(directory, "json");
    using log = openLog({ path, format: "json", level: "warning" });
    log("warning", 'a "b"\nc');
    log("info", "dropped");
    const lines = readFileSync(path, "utf8").split("\n");
    expect(lines).toHaveLength(2);
    const entry = JSON.parse(lines[0]!) as Record<string, string>;
    expect(Object.keys(entry)).toEqual(["level", "msg", "time"]);
    expect(entry).toMatchObject({ level: "warning", msg: 'a "b"\nc' });
    expect(entry.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test("text: one word bare, anything else quoted, never more than a line", () => {
    const path = join(directory, "text");
    using log = openLog({ path, format: "text", level: "debug" });
    log("info", "word");
    log("debug", "two words\nand a line");
    const [first, second] = readFileSync(path, "utf8").split("\n");
    expect(first).toMatch(/ level=info msg=word$/);
    expect(second).toMatch(/ level=debug msg="two words\\nand a line"$/);
  });

  test("the file is appended to, and others may read it", () => {
    const path = join(directory, "twice");
    for (const message of ["1", "2"]) {
      using log = openLog({ path, format: "json", level: "info" });
      log("info", message);
    }
    expect(readFileSync(path, "utf8").trim().split("\n")).toHaveLength(2);
    expect(statSync(path).mode & 0o777).toBe(0o644);
  });
});
