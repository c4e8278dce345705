/** The monitor's log: CRI lines, whole files of whole lines, whatever the container writes and the disk says. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { aMonitored, asRoot, collected, eventually, type MonitoredSettings } from "./monitored.ts";

/** Runs to its end. */
async function ran(settings: MonitoredSettings) {
  const monitored = await aMonitored(settings);
  await monitored.start();
  await monitored.exit();
  return monitored;
}

describe("log — the CRI's format", () => {
  asRoot("each line has a time, its stream and its text", async () => {
    await using c = await ran({ script: "echo one; echo two >&2; echo; echo 'a  b '" });
    const lines = c.log();
    expect(lines.filter((l) => l.stream === "stdout").map((l) => [l.tag, l.content.toString()])).toEqual([
      ["full", "one"],
      ["full", ""],
      ["full", "a  b "],
    ]);
    expect(lines.filter((l) => l.stream === "stderr").map((l) => l.content.toString())).toEqual(["two"]);
    for (const { time } of lines) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
      expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
    }
  });

  asRoot("what does not end in a newline is a part", async () => {
    await using c = await ran({ script: "printf 'no end'" });
    expect(c.log().map((l) => [l.tag, l.content.toString()])).toEqual([["part", "no end"]]);
  });

  asRoot("a long line comes in parts of 16 KiB", async () => {
    await using c = await ran({ script: "head -c 40000 /dev/zero | tr '\\0' x; echo" });
    const lines = c.log();
    expect(lines.map((l) => l.tag)).toEqual(["part", "part", "full"]);
    expect(lines.map((l) => l.content.length)).toEqual([16384, 16384, 40000 - 2 * 16384]);
  });

  asRoot("a prompt is in the log though its line has no end yet", async () => {
    await using c = await aMonitored({ script: "printf 'name? '; exec sleep 1000" });
    await c.start();
    await eventually(() => (c.log().length > 0 ? true : undefined), "the prompt");
    expect(c.log().map((l) => [l.tag, l.content.toString()])).toEqual([["part", "name? "]]);
  });

  asRoot("a line that is written in pieces is one line", async () => {
    await using c = await ran({ script: "printf a; printf b; printf c; echo d" });
    expect(c.logged("stdout").toString()).toBe("abcd\n");
    expect(c.log().at(-1)!.tag).toBe("full");
  });

  asRoot("any bytes come back as they were", async () => {
    await using c = await aMonitored({ script: "cat /data; cat /data >&2" });
    const data = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919 + (i >> 8) * 31) & 0xff));
    writeFileSync(join(c.bundle.rootfs, "data"), data);
    await c.start();
    await c.exit();
    expect(c.logged("stdout").equals(data)).toBe(true);
    expect(c.logged("stderr").equals(data)).toBe(true);
  });

  for (const [carriageReturns, text] of [
    ["keep", "a\r\nb\rc\n"],
    ["trim", "a\nb\rc\n"],
  ] as const) {
    asRoot(`carriage returns before a newline: ${carriageReturns}`, async () => {
      await using c = await ran({ script: "printf 'a\\r\\nb\\rc\\n'", log: { carriageReturns } });
      expect(c.logged("stdout").toString()).toBe(text);
    });
  }

  asRoot("without a log the container runs all the same", async () => {
    await using c = await ran({ script: "head -c 1000000 /dev/zero", log: "none" });
    expect((await c.exit()).status).toEqual({ exited: 0 });
    expect(existsSync(c.logPath)).toBe(false);
  });

  asRoot("a directory that is not there is an error of create", async () => {
    await expect(aMonitored({ log: { path: "/not/there/log" } })).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringContaining("/not/there/log"),
    });
  });

  asRoot("a second run appends", async () => {
    await using first = await ran({ script: "echo first" });
    await using second = await ran({ script: "echo second", log: { path: first.logPath } });
    expect(second.logged("stdout").toString()).toBe("first\nsecond\n");
  });
});

describe("log — rotation", () => {
  asRoot("no file is larger than the limit, and no line is lost or cut", async () => {
    const maxSizeBytes = 20_000;
    await using c = await ran({
      script: "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done",
      log: { maxSizeBytes, maxFiles: 100 },
    });
    const files = c.logFiles();
    expect(files.length).toBeGreaterThan(4);
    for (const file of files) expect(statSync(file).size).toBeLessThanOrEqual(maxSizeBytes);
    const expected = Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join("");
    expect(c.logged("stdout").toString()).toBe(expected);
  });

  asRoot("so many files are kept, the newest", async () => {
    await using c = await ran({
      script: "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done",
      log: { maxSizeBytes: 10_000, maxFiles: 3 },
    });
    expect(c.logFiles().map((file) => file.slice(c.logPath.length))).toEqual([".2", ".1", ""]);
    const text = c.logged("stdout").toString();
    expect(text.endsWith("line 1998\nline 1999\n")).toBe(true);
    const first = Number(/^line (\d+)/.exec(text)![1]);
    expect(text).toBe(Array.from({ length: 2000 - first }, (_, i) => `line ${first + i}\n`).join(""));
  });

  asRoot("with one file it starts anew", async () => {
    await using c = await ran({
      script: "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done",
      log: { maxSizeBytes: 5000, maxFiles: 1 },
    });
    expect(c.logFiles()).toEqual([c.logPath]);
    expect(statSync(c.logPath).size).toBeLessThanOrEqual(5000);
    expect(c.logged("stdout").toString().endsWith("line 499\n")).toBe(true);
  });

  asRoot("a line that is longer than the limit is a file of its own", async () => {
    await using c = await ran({
      script: "head -c 5000 /dev/zero | tr '\\0' x; echo; echo short",
      log: { maxSizeBytes: 1000, maxFiles: 3 },
    });
    expect(c.logged("stdout").toString()).toBe(`${"x".repeat(5000)}\nshort\n`);
    expect(c.log().map((l) => l.content.toString())).toEqual(["short"]);
  });

  asRoot("a log that somebody truncates goes on from its beginning", async () => {
    await using c = await aMonitored({
      script: "head -c 30000 /dev/zero | tr '\\0' x; echo; read x < /fifo; echo after; exec sleep 1000",
      log: { maxSizeBytes: 50_000, maxFiles: 2 },
    });
    spawnSync("mkfifo", [join(c.bundle.rootfs, "fifo")]);
    await c.start();
    await eventually(() => (c.logged("stdout").length > 30_000 ? true : undefined), "the first lines");
    truncateSync(c.logPath);
    writeFileSync(join(c.bundle.rootfs, "fifo"), "\n");
    await eventually(() => (c.log().length > 0 ? true : undefined), "the last line");
    expect(c.log().map((l) => l.content.toString())).toEqual(["after"]);
  });

  asRoot("reopened after a rename, as the kubelet does it", async () => {
    await using c = await aMonitored({
      script: "echo before; read x < /fifo; echo after; exec sleep 1000",
    });
    spawnSync("mkfifo", [join(c.bundle.rootfs, "fifo")]);
    await c.start();
    await eventually(() => (c.log().length > 0 ? true : undefined), "the first line");
    const old = `${c.logPath}.20260101-000000`;
    renameSync(c.logPath, old);
    await (await c.client()).reopenLog();
    expect(readFileSync(c.logPath, "utf8")).toBe("");
    writeFileSync(join(c.bundle.rootfs, "fifo"), "\n");
    await eventually(() => (c.log().length > 0 ? true : undefined), "the second line");
    expect(c.log(old).map((l) => l.content.toString())).toEqual(["before"]);
    expect(c.log().map((l) => l.content.toString())).toEqual(["after"]);
  });
});

describe("log — much of it", () => {
  asRoot("ten megabytes on both streams at once arrive whole, in the log and at a client", async () => {
    const megabytes = 10;
    await using c = await aMonitored({
      script: `(cat /data /data; :) & cat /data /data >&2; wait`,
    });
    const line = `${"0123456789abcdef".repeat(6)}xyz\n`;
    writeFileSync(join(c.bundle.rootfs, "data"), line.repeat((megabytes << 20) / 2 / line.length));
    const expected = 2 * statSync(join(c.bundle.rootfs, "data")).size;
    const { stdout, stderr, exited } = await (await c.client()).attach({
      stdout: true,
      stderr: true,
      whenSlow: "wait",
    });
    const output = Promise.all([collected(stdout), collected(stderr)]);
    await c.start();
    const [out, err] = await output;
    expect([out.length, err.length]).toEqual([expected, expected]);
    expect(out.equals(err)).toBe(true);
    expect((await exited).status).toEqual({ exited: 0 });
    expect(c.logged("stdout").equals(out)).toBe(true);
    expect(c.logged("stderr").equals(out)).toBe(true);
  });
});

describe("log — a disk that is full", () => {
  /** A file system of `kilobytes` at `directory`. */
  function smallDisk(directory: string, kilobytes: number): Disposable {
    mkdirSync(directory, { recursive: true });
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", directory]);
    if (mounted.status !== 0) throw new Error(String(mounted.stderr));
    return {
      [Symbol.dispose]: () => {
        if (spawnSync("umount", [directory]).status === 0) rmdirSync(directory);
      },
    };
  }

  asRoot("the container goes on, the file holds whole lines, and the loss is told", async () => {
    const directory = `/tmp/runt-test-${process.pid}-disk`;
    using _disk = smallDisk(directory, 64);
    writeFileSync(join(directory, "ballast"), Buffer.alloc(32 << 10));
    const count = 3000;
    {
      await using c = await aMonitored({
        script: `i=0; while [ $i -lt ${count} ]; do echo line $i; i=$((i+1)); done; echo full > /state; read x < /fifo; echo space again; exit 7`,
        log: { path: join(directory, "log") },
      });
      spawnSync("mkfifo", [join(c.bundle.rootfs, "fifo")]);
      await c.start();
      await eventually(
        () => (existsSync(join(c.bundle.rootfs, "state")) ? true : undefined),
        "the writer to get through",
      );
      const client = await c.client();
      const { log } = await client.status();
      expect(log.error).toBe("ENOSPC");
      expect(log.lostBytes).toBeGreaterThan(0);
      c.log(); // whole lines

      rmSync(join(directory, "ballast"));
      writeFileSync(join(c.bundle.rootfs, "fifo"), "\n");
      const exit = await c.exit();
      expect(exit.status).toEqual({ exited: 7 });
      expect(exit.log.error).toBe("ENOSPC");
      const lines = c.log();
      expect(lines.at(-1)!.content.toString()).toBe("space again");
      const told = lines.filter((l) =>
        /^runt: \d+ bytes of output are missing here/.test(l.content.toString()),
      );
      const missing = told.reduce((sum, l) => sum + Number(/\d+/.exec(l.content.toString())![0]), 0);
      expect(missing).toBe(exit.log.lostBytes);
      const written = Buffer.concat(
        lines.filter((l) => l.stream === "stdout").map((l) => Buffer.concat([l.content, Buffer.from("\n")])),
      ).length;
      const all = Array.from({ length: count }, (_, i) => `line ${i}\n`).join("").length;
      expect(written + missing).toBe(all + "space again\n".length);
    }
    rmSync(join(directory, "log"), { force: true });
  });
});
