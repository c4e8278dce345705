/** `logs`: what is in the files, from any place on, and what comes while one looks. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  watch,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLogFiles } from "../../../src/engine/container/log/files.ts";
import { LogLines } from "../../../src/engine/container/log/lines.ts";
import { tailOf } from "../../../src/engine/container/log/tail.ts";
import { type LogLine, outputOf } from "../../../src/engine/monitor/log-line.ts";
import { testPrefix } from "../../support/bundle.ts";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

// The one fd for all watches that libuv keeps for good once somebody has watched: not for the leak check to find.
watch(tmpdir()).close();

beforeAll(prepareEngines);
afterAll(forgetEngines);

const time = (n: number) => `2026-11-21T09:48:00.${String(n).padStart(9, "0")}Z`;
const line = (n: number, text: string, stream = "stdout", tag = "F") =>
  `${time(n)} ${stream} ${tag} ${text}\n`;

async function inDirectory(work: (path: string) => Promise<void> | void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), `${testPrefix}-logs-`));
  try {
    await work(join(directory, "log"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What follows the place where the last `count` lines begin. */
function tail(path: string, count: number): string[] {
  const files = openLogFiles(path);
  try {
    const { file, at } = tailOf(files, count);
    return files
      .slice(file)
      .flatMap((one, i) =>
        new LogLines().take(one.read(i === 0 ? at : 0, one.size)).map(({ content }) => content.toString()),
      );
  } finally {
    for (const file of files) file[Symbol.dispose]();
  }
}

describe("the last lines of a log", () => {
  test("are counted over rotated files, from the end", () =>
    inDirectory((path) => {
      writeFileSync(`${path}.2`, line(1, "a") + line(2, "b"));
      writeFileSync(`${path}.1`, line(3, "c") + line(4, "d"));
      writeFileSync(path, line(5, "e"));
      for (const [count, lines] of [
        [0, ""],
        [1, "e"],
        [2, "de"],
        [3, "cde"],
        [4, "bcde"],
        [5, "abcde"],
        [99, "abcde"],
      ] as const)
        expect(tail(path, count).join(""), `${count}`).toBe(lines);
    }));

  test("a line in parts is one, and so is one without an end", () =>
    inDirectory((path) => {
      const text = [
        line(1, "first"),
        line(2, "long ", "stdout", "P"),
        line(3, "other", "stderr"),
        line(4, "line"),
        line(5, "open", "stdout", "P"),
      ];
      writeFileSync(path, text.join(""));
      expect(tail(path, 1)).toEqual(["open"]);
      expect(tail(path, 2)).toEqual(["line", "open"].slice(0));
      expect(tail(path, 3)).toEqual(["long ", "other", "line", "open"]);
      expect(tail(path, 4)).toEqual(["first", "long ", "other", "line", "open"]);
    }));

  test("lines longer than what is read at once", () =>
    inDirectory((path) => {
      const long = "x".repeat(200_000);
      writeFileSync(path, line(1, long) + line(2, `${long}2`) + line(3, ""));
      expect(tail(path, 2)).toEqual([`${long}2`, ""]);
      expect(tail(path, 3)).toEqual([long, `${long}2`, ""]);
    }));

  test("no files, and an empty one, have none", () =>
    inDirectory((path) => {
      expect(tail(path, 3)).toEqual([]);
      writeFileSync(path, "");
      expect(tail(path, 3)).toEqual([]);
    }));

  test("what is no line of a log is passed over", () => {
    const lines = new LogLines();
    const bytes = Buffer.from(`garbage\n${line(1, "a b  c")}${time(2)} stdout X what\n${line(3, "")}`);
    const read = [...lines.take(bytes.subarray(0, 20)), ...lines.take(bytes.subarray(20))];
    expect(read.map(({ content }) => content.toString())).toEqual(["a b  c", ""]);
  });
});

/** As a client would print it. */
function text(lines: readonly LogLine[]): string {
  return Buffer.concat(lines.map(outputOf)).toString();
}

async function logs(t: TestEngine, id: string, options = {}): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const piece of t.engine.logs(id, options)) lines.push(...piece);
  return lines;
}

describe("logs of containers", () => {
  asRoot("of one that has ended: streams, times, since, until, tail", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(
      t.script("echo one; echo two >&2; while [ ! -e /go ]; do sleep 0.02; done; printf three"),
    );
    await t.said(id, "two");
    await t.engine.execDetached(id, { args: ["touch", "/go"] });
    await t.engine.wait(id);
    const all = await logs(t, id);
    expect(all.map(({ stream, content }) => `${stream} ${content}`)).toEqual([
      "stdout one",
      "stderr two",
      "stdout three",
    ]);
    expect(text(all)).toBe("one\ntwo\nthree");
    const last = all.at(-1)!.time;
    expect(text(await logs(t, id, { since: last }))).toBe("three");
    expect(text(await logs(t, id, { until: all[1]!.time }))).toBe("one\ntwo\n");
    expect(text(await logs(t, id, { tail: 1 }))).toBe("three");
    expect(text(await logs(t, id, { tail: 2, until: all[1]!.time }))).toBe("two\n");
    // Nothing to wait for.
    expect(text(await logs(t, id, { follow: true }))).toBe("one\ntwo\nthree");
  });

  asRoot("following goes over rotation, misses nothing, and ends with the container", async () => {
    await using t = await TestEngine.open();
    const log = { driver: "file", maxSize: 4000, maxFiles: 4 } as const;
    // Whoever is behind by more than there is room for misses something: it goes on when we have read.
    const script =
      'i=0; while [ $i -lt 400 ]; do echo "line $i"; i=$((i+1)); [ $((i%20)) = 0 ] && until [ -e /go/$i ]; do sleep 0.01; done; done';
    const source = join(t.directory, "go");
    mkdirSync(source);
    const go = {
      type: "bind",
      source,
      destination: "/go",
      readonly: true,
      missing: "refuse",
      propagation: "rprivate",
      recursive: "enabled",
      options: [],
    } as const;
    const { id } = await t.engine.create(t.script(script, { log, mounts: [go] }));
    using _started = await t.engine.start(id);
    const read: LogLine[] = [];
    for await (const piece of t.engine.logs(id, { follow: true })) {
      read.push(...piece);
      for (let i = 20; i <= read.length; i += 20) writeFileSync(join(source, String(i)), "");
    }
    expect(text(read).trim().split("\n")).toEqual(Array.from({ length: 400 }, (_, i) => `line ${i}`));
    const files = openLogFiles(t.engine.context.layout.log(id));
    expect(files).toHaveLength(4);
    for (const file of files) file[Symbol.dispose]();
  });

  asRoot("following ends with the caller's signal, and at `until`", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("echo here; sleep 60"));
    const controller = new AbortController();
    const reason = new Error("enough");
    const read = (async () => {
      for await (const _ of t.engine.logs(id, { follow: true, signal: controller.signal }))
        controller.abort(reason);
    })();
    await expect(read).rejects.toBe(reason);
    const until = new Date(Date.now() + 300).toISOString();
    expect(text(await logs(t, id, { follow: true, until }))).toBe("here\n");
  });

  asRoot("a log that is emptied under us goes on", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(
      t.script("trap 'echo late; exit' TERM; echo early; while :; do sleep 0.05; done"),
    );
    const path = t.engine.context.layout.log(id);
    const lines: string[] = [];
    for await (const piece of t.engine.logs(id, { follow: true })) {
      lines.push(...piece.map(({ content }) => content.toString()));
      if (lines.length === 1) {
        truncateSync(path, 0);
        await t.engine.kill(id, "TERM");
      }
    }
    expect(lines).toEqual(["early", "late"]);
  });

  asRoot("without a log there is nothing to show; of nobody neither", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(
      t.script("true", { log: { driver: "none", maxSize: 0, maxFiles: 1 } }),
    );
    await expect(logs(t, id)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      site: { operation: "logs" },
    });
    await expect(logs(t, "nobody")).rejects.toMatchObject({ kind: "NotFound" });
  });
});

describe("the files of a log", () => {
  test("one that is renamed while they are opened is met once", () =>
    inDirectory((path) => {
      writeFileSync(path, line(1, "old"));
      renameSync(path, `${path}.1`);
      appendFileSync(path, line(2, "new"));
      const files = openLogFiles(path);
      expect(files.map((file) => file.read(0, 100).toString())).toEqual([line(1, "old"), line(2, "new")]);
      for (const file of files) file[Symbol.dispose]();
    }));
});
