/** logs, exec, cp, diff, commit, export, stats, top, healthcheck and attach as one types them: output and exit codes. */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LogPrinter } from "../../src/cli/log-printer.ts";
import { exactMoment } from "../../src/cli/moment.ts";
import { binarySize } from "../../src/cli/stats-view.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../engine/an-engine.ts";
import { eventually } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { runCli } from "./run-cli.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

/** A dozen processes from the sources take their time where others work too. */
const slowMs = 180_000;

function on(t: TestEngine) {
  return (...args: string[]) => runCli("runt", ["--root", t.runRoot, "--data-root", t.root, ...args]);
}

describe("logs", () => {
  asRoot(
    "stdout to stdout, stderr to stderr; times; the last lines; since and until",
    async () => {
      await using t = await TestEngine.open();
      const go = "while [ ! -e /go ]; do sleep 0.02; done";
      const id = await t.running(t.script(`echo one; echo two >&2; ${go}; echo three`));
      await t.said(id, "two");
      await t.engine.execDetached(id, { args: ["touch", "/go"] });
      await t.engine.wait(id);
      const runt = on(t);
      expect(runt("logs", id)).toEqual({ status: 0, stdout: "one\nthree\n", stderr: "two\n" });
      expect(runt("logs", "-n1", id).stdout).toBe("three\n");
      expect(runt("logs", "--tail=0", id)).toEqual({ status: 0, stdout: "", stderr: "" });
      expect(runt("logs", "-f", id).stdout).toBe("one\nthree\n");
      const stamped = runt("logs", "-t", "--tail", "all", id).stdout;
      expect(stamped).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z one\n/);
      const last = stamped.trimEnd().split("\n").at(-1)!.split(" ", 1)[0]!;
      expect(runt("logs", "--since", last, id).stdout).toBe("three\n");
      expect(runt("logs", "--until", "1h", id).stdout).toBe("");
      expect(runt("logs", "--details", id).stdout).toBe(" one\n three\n");
      expect(runt("logs", "--tail", "some", id)).toMatchObject({ status: 1 });
      expect(runt("logs", "--since", "yesterday", id)).toMatchObject({ status: 1 });
      expect(runt("logs", "nobody")).toMatchObject({
        status: 1,
        stderr: "error: no such container: nobody\n",
      });
    },
    slowMs,
  );

  test("a line in parts has one time", () => {
    const printer = new LogPrinter({ timestamps: true, details: false });
    const line = (time: string, stream: "stdout" | "stderr", tag: "full" | "part", text: string) => ({
      time,
      stream,
      tag,
      content: Buffer.from(text),
    });
    const printed = printer.take([
      line("1", "stdout", "part", "a"),
      line("2", "stderr", "full", "error"),
      line("3", "stdout", "full", "b"),
      line("4", "stdout", "full", ""),
    ]);
    expect(printed.map(({ fd, bytes }) => [fd, bytes.toString()])).toEqual([
      [1, "1 a"],
      [2, "2 error\n"],
      [1, "b\n4 \n"],
    ]);
  });

  test("moments to the nanosecond", () => {
    expect(exactMoment("since", "2026-11-21T09:48:00.123456789Z")).toBe("2026-11-21T09:48:00.123456789Z");
    expect(exactMoment("since", "2026-11-21T10:48:00.5+01:00")).toBe("2026-11-21T09:48:00.500000000Z");
    expect(exactMoment("since", "1795254480.000000001")).toBe("2026-11-21T09:48:00.000000001Z");
    expect(exactMoment("since", "1h") < new Date().toISOString()).toBe(true);
    expect(() => exactMoment("since", "soon")).toThrow("neither a time nor how long ago");
  });
});

describe("exec", () => {
  asRoot(
    "output, exit status, and what a shell has for what cannot run",
    async () => {
      await using t = await TestEngine.open();
      const id = await t.running();
      const runt = on(t);
      expect(runt("exec", id, "sh", "-c", "echo out; echo err >&2; exit 9")).toEqual({
        status: 9,
        stdout: "out\n",
        stderr: "err\n",
      });
      expect(runt("exec", id, "sh", "-c", "kill -9 $$").status).toBe(137);
      expect(runt("exec", id, "missing").status).toBe(127);
      expect(runt("exec", id, "/noexec").status).toBe(126);
      expect(runt("exec", "--no-such", id, "true").status).toBe(125);
      expect(runt("exec", "nobody", "true").status).toBe(1);
      const env = join(t.directory, "env");
      writeFileSync(env, "# no\nA=file\nB=file\n");
      expect(
        runt(
          "exec",
          "-u",
          "alice",
          "-w",
          "/tmp",
          "-eB=flag",
          "--env-file",
          env,
          id,
          "sh",
          "-c",
          "id -un; pwd; echo $A $B",
        ).stdout,
      ).toBe("alice\n/tmp\nfile flag\n");
      // Nobody types: there is no terminal here.
      expect(runt("exec", "-it", id, "sh")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("the input device is not a TTY"),
      });
      // What runs on in the background keeps nobody waiting.
      expect(runt("exec", id, "sh", "-c", "sleep 1000 & echo started").stdout).toBe("started\n");
      await t.engine.kill(id);
      await t.engine.wait(id);
      expect(runt("exec", id, "true")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("is not running"),
      });
    },
    slowMs,
  );

  asRoot(
    "signals go to the program, and a reader that leaves ends us",
    async () => {
      await using t = await TestEngine.open();
      const id = await t.running();
      const command = [
        join(import.meta.dirname, "../../src/cli/runt.ts"),
        "--root",
        t.runRoot,
        "--data-root",
        t.root,
      ];
      const child = spawn(process.execPath, [
        ...command,
        "exec",
        id,
        "sh",
        "-c",
        "trap 'exit 42' TERM; echo ready; while :; do sleep 0.1; done",
      ]);
      const ended = new Promise((resolve) => child.on("close", (status) => resolve(status)));
      child.stdout.once("data", () => child.kill("SIGTERM"));
      expect(await ended).toBe(42);
      const piped = spawn(process.execPath, [...command, "exec", "-i", id, "cat"]);
      let text = "";
      piped.stdout.on("data", (bytes) => {
        text += bytes;
      });
      piped.stdin.end("x".repeat(300_000));
      await new Promise((resolve) => piped.on("close", resolve));
      expect(text.length).toBe(300_000);
    },
    slowMs,
  );
});

describe("cp, diff, commit, export", () => {
  asRoot(
    "a file there and back, what has changed, and archives of it",
    async () => {
      await using t = await TestEngine.open();
      const { id } = await t.engine.create(t.request({ name: "box" }));
      const runt = on(t);
      const [file, back, out] = ["file", "back", "out.tar"].map((name) => join(t.directory, name)) as [
        string,
        string,
        string,
      ];
      writeFileSync(file, "content\n");
      expect(runt("cp", file, "box:/etc/new")).toEqual({ status: 0, stdout: "", stderr: "" });
      expect(runt("cp", "box:etc/new", back)).toEqual({ status: 0, stdout: "", stderr: "" });
      expect(readFileSync(back, "utf8")).toBe("content\n");
      expect(runt("diff", "box")).toEqual({ status: 0, stdout: "C /etc\nA /etc/new\n", stderr: "" });
      const stream = runCli("runt", ["--root", t.runRoot, "--data-root", t.root, "cp", "box:/data", "-"]);
      expect(execFileSync("tar", ["t"], { input: stream.stdout, encoding: "utf8" })).toBe(
        "data/\ndata/file\ndata/link\ndata/sub/\ndata/sub/deep\n",
      );
      expect(runt("cp", "box:/none", ".")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("no such file"),
      });
      expect(runt("cp", "a", "b")).toMatchObject({ status: 1 });
      expect(runt("commit", "-m", "why", "-c", "CMD cat /etc/new", "box", "made").stdout).toMatch(
        /^sha256:[0-9a-f]{64}\n$/,
      );
      expect((await t.output(t.request({ image: "made" }))).stdout).toBe("content\n");
      expect(runt("export", "-o", out, "box")).toEqual({ status: 0, stdout: "", stderr: "" });
      expect(execFileSync("tar", ["tf", out], { encoding: "utf8" })).toContain("\netc/new\n");
      expect(runt("export", "-o", `${out}2`, "nobody").status).toBe(1);
      expect(id).toBeTruthy();
    },
    slowMs,
  );
});

describe("stats, top, healthcheck, attach", () => {
  asRoot(
    "once, as a table, as JSON, in a form of one's own",
    async () => {
      await using t = await TestEngine.open();
      const id = await t.running(t.script("sleep 60", { name: "box" }));
      const runt = on(t);
      const [head, row] = runt("stats", "--no-stream").stdout.split("\n");
      expect(head).toBe(
        "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O   PIDS",
      );
      expect(row).toMatch(new RegExp(`^${id.slice(0, 12)} +box +\\d+\\.\\d\\d% `));
      expect(
        JSON.parse(runt("stats", "--no-stream", "--no-trunc", "--format", "json", "box").stdout),
      ).toMatchObject({
        ID: id,
        Name: "box",
        PIDs: "1",
      });
      expect(runt("stats", "--no-stream", "--format", "{{.Name}}: {{.PIDs}}").stdout).toBe("box: 1\n");
      const top = runt("top", "box").stdout.split("\n");
      expect(top[0]).toMatch(/^UID +PID +PPID /);
      expect(top[1]).toMatch(/sleep 60$/);
      expect(runt("healthcheck", "run", "box")).toMatchObject({
        status: 125,
        stderr: expect.stringContaining("has no defined healthcheck"),
      });
    },
    slowMs,
  );

  asRoot(
    "attach shows what comes, and ends as the container does",
    async () => {
      await using t = await TestEngine.open();
      const id = await t.running(
        t.script("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.1; done"),
      );
      await t.said(id, "ready");
      const program = join(import.meta.dirname, "../../src/cli/runt.ts");
      const child = spawn(process.execPath, [
        program,
        "--root",
        t.runRoot,
        "--data-root",
        t.root,
        "attach",
        "--no-stdin",
        id,
      ]);
      let text = "";
      child.stdout.on("data", (bytes) => {
        text += bytes;
      });
      const ended = new Promise((resolve) => child.on("close", (status) => resolve(status)));
      // Our signal is its signal, once it is attached.
      const { events } = t.engine.context.store;
      await eventually(() => events.after(0).at(-1)!.action === "attach" || undefined, "the attachment");
      const caught = () => /^SigCgt:\t(\w+)$/m.exec(readFileSync(`/proc/${child.pid}/status`, "latin1"))![1];
      await eventually(() => (BigInt(`0x${caught()}`) >> 14n) & 1n || undefined, "its handler of SIGTERM");
      child.kill("SIGTERM");
      expect(await ended).toBe(7);
      expect(text).toBe("bye\n");
      expect(on(t)("attach", id)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("start it first"),
      });
    },
    slowMs,
  );

  test("memory in units of 1024, four digits", () => {
    expect([0, 1023, 1024, 4_505_600, 5 * 2 ** 30].map(binarySize)).toEqual([
      "0B",
      "1023B",
      "1KiB",
      "4.297MiB",
      "5GiB",
    ]);
  });
});
