/** Containers that another OCI runtime makes; here it is runc. */

import { text } from "node:stream/consumers";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { ExecRequest } from "../../../src/engine/container/exec.ts";
import { readMountInfo } from "../../../src/linux/mountinfo.ts";
import { eventually } from "../../support/container.ts";
import { needs } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

const withRunc = needs("root", "cgroup2", "program:runc");

describe("--runtime runc", () => {
  withRunc("runs to its end with output, exit code and volumes; nothing stays mounted", async () => {
    await using t = await TestEngine.open();
    const { code, stdout } = await t.output(
      t.script("cat /data/file; hostname; touch /new; exit 5", {
        runtime: "runc",
        hostname: "other",
        ulimits: { core: { soft: -1, hard: -1 } },
        mounts: [
          {
            type: "volume",
            destination: "/data",
            name: undefined,
            readonly: false,
            copyUp: true,
            subpath: undefined,
            driverOptions: {},
            labels: {},
          },
        ],
      }),
    );
    expect({ code, stdout }).toEqual({ code: 5, stdout: "from the image\nother\n" });
    expect(t.remains()).toEqual([]);
    expect(readMountInfo().filter(({ mountPoint }) => mountPoint.startsWith(t.directory))).toEqual([]);
  });

  withRunc("is killed, started again, and removed while it runs; files stay from run to run", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(
      t.script("echo run >> /runs; wc -l < /runs; exec sleep 1000", { runtime: "runc" }),
    );
    await t.said(id, "1");
    await t.engine.kill(id);
    expect(await t.engine.wait(id)).toBe(137);
    await t.becomes(id, "exited");
    (await t.engine.start(id))[Symbol.dispose]();
    await t.said(id, "2");
    await t.engine.remove(id, { force: true });
    expect(t.remains()).toEqual([]);
  });

  withRunc("its health, and to stand still for a commit, is asked of that runtime", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(
      t.script("exec sleep 1000", {
        runtime: "runc",
        health: {
          test: ["CMD-SHELL", "echo well; test -e /etc/passwd"],
          intervalMs: 3_600_000,
          timeoutMs: 20_000,
          retries: 1,
          startPeriodMs: 0,
          startIntervalMs: 3_600_000,
        },
      }),
    );
    expect(await t.engine.healthCheck(id)).toEqual({ healthy: true, timedOut: false, output: "well\n" });
    // By its freezer.
    expect(await t.engine.commit(id, { name: "localhost/frozen:1" })).toMatch(/^sha256:/);
    expect((await t.engine.inspect(id)).State.Status).toBe("running");
  });

  withRunc("a program that is not there, and a runtime that is not there", async () => {
    await using t = await TestEngine.open();
    const missing = await t.engine.create(t.request({ command: ["/missing"], runtime: "runc" }));
    await expect(t.engine.start(missing.id)).rejects.toThrow(/missing/);
    expect(await t.status(missing.id)).toBe("created");
    const nobody = await t.engine.create(t.request({ runtime: "no-such-runtime" }));
    await expect(t.engine.start(nobody.id)).rejects.toMatchObject({
      kind: "NotFound",
      message: expect.stringContaining("no-such-runtime"),
    });
    await t.engine.remove(missing.id);
    await t.engine.remove(nobody.id);
    expect(t.remains()).toEqual([]);
    expect(readMountInfo().filter(({ mountPoint }) => mountPoint.startsWith(t.directory))).toEqual([]);
  });

  withRunc("exec, top and stats are those of its own processes", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("echo up; exec sleep 1000", { runtime: "runc", env: ["OWN=1"] }));
    await t.said(id, "up");
    const exec = async (request: ExecRequest, input?: string) => {
      const process = await t.engine.exec(id, request);
      process.stdin?.end(input);
      const outputs = [process.stdout, process.stderr].map((stream) => (stream ? text(stream) : ""));
      const [stdout, stderr] = await Promise.all(outputs);
      return { status: await process.wait(), stdout, stderr };
    };
    const script = "read word; echo $word $OWN $NEW $(id -u) $(pwd); echo err >&2; exit 6";
    expect(
      await exec(
        { args: ["sh", "-c", script], env: ["NEW=2"], user: "alice", workingDir: "/tmp", stdin: true },
        "hello\n",
      ),
    ).toEqual({ status: { exited: 6 }, stdout: "hello 1 2 1000 /tmp\n", stderr: "err\n" });
    await expect(t.engine.exec(id, { args: ["nothing"] })).rejects.toMatchObject({
      site: { operation: "exec", syscall: "execve", code: "ENOENT" },
    });
    await t.engine.execDetached(id, { args: ["touch", "/made"] });
    while (!isDeepStrictEqual((await exec({ args: ["test", "-e", "/made"] })).status, { exited: 0 })) {}
    // What has run in it is ending.
    const programs = async () => {
      const { titles, processes } = await t.engine.top(id);
      return processes.map((row) => row[titles.length - 1]);
    };
    await expect.poll(programs).toEqual(["sleep 1000"]);
    const [sample] = await t.engine.sample([id]);
    expect(sample).toMatchObject({ id, usage: { cpuNs: expect.any(Number) } });
    await t.engine.remove(id, { force: true });
    expect(t.remains()).toEqual([]);
  });

  withRunc("exec on a terminal has its size, also when that changes", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("exec sleep 1000", { runtime: "runc" }));
    const script = "busybox stty size; read x; busybox stty size; exit 3";
    const process = await t.engine.exec(id, {
      args: ["sh", "-c", script],
      tty: true,
      stdin: true,
      consoleSize: { width: 90, height: 31 },
    });
    let seen = "";
    process.stdout!.setEncoding("utf8").on("data", (text: string) => {
      seen += text;
    });
    await eventually(() => seen.includes("31 90") || undefined, "the first size");
    process.resize(40, 100);
    // Whoever looks sooner may see the old one.
    for (let look = 0; look < 3; look++) await exec(t, id);
    process.stdin!.write("go\r");
    expect(await process.wait()).toEqual({ exited: 3 });
    await eventually(() => seen.includes("40 100") || undefined, "the second size");
    await t.engine.remove(id, { force: true });
  });
});

async function exec(t: TestEngine, id: string): Promise<void> {
  await (await t.engine.exec(id, { args: ["true"] })).wait();
}
