import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { OutputQueue } from "../../src/cli/output-queue.ts";

describe("stdout and stderr of a container", () => {
  test("are written in the order in which they came, also to one file", async () => {
    const directory = mkdtempSync(join(tmpdir(), "runt-test-output-"));
    try {
      const path = join(directory, "both");
      const fd = openSync(path, "a");
      const queue = new OutputQueue();
      const [out, err] = [queue.stream(fd), queue.stream(fd)];
      const lines = Array.from({ length: 200 }, (_, i) => `${i}\n`);
      for (const [i, line] of lines.entries()) (i % 2 === 0 ? out : err).write(line);
      await Promise.all([finished(out.end()), finished(err.end())]);
      closeSync(fd);
      expect(readFileSync(path, "utf8").split("\n").length).toBe(lines.length + 1);
      expect(readFileSync(path, "utf8").startsWith("0\n1\n")).toBe(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("whose reader has gone is an error with EPIPE", async () => {
    const program = `
      import { OutputQueue } from "./src/cli/output-queue.ts";
      const out = new OutputQueue().stream(1);
      out.on("error", (error) => { process.stderr.write(error.code); process.exit(); });
      setInterval(() => out.write("y\\n"), 1);`;
    const { stderr } = spawnSync(
      "sh",
      ["-c", '"$0" --input-type=module-typescript -e "$1" | true', process.execPath, program],
      { encoding: "utf8", cwd: join(import.meta.dirname, "../.."), timeout: 50_000 },
    );
    expect(stderr).toContain("EPIPE");
  });
});
