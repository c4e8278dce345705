/** `stats`, `top`, `attach` and `healthcheck run`. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rateBetween, usageFrom } from "../../../src/engine/container/stats.ts";
import { parseProcesses } from "../../../src/engine/container/top.ts";
import { eventually } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

const host = {
  stat: "cpu  100 0 100 800 0 0 0 0 50 0\ncpu0 1 2 3\n",
  meminfo: "MemTotal:        1000 kB\nMemFree: 1 kB\n",
  netDev:
    "Inter-|   Receive                                                |  Transmit\n face |bytes    packets\n    lo:  999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n  eth0: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n  eth1: 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n",
  cpus: 4,
};
const nothing = { cpu: {}, memory: {}, pids: {}, blkio: {} };

describe("stats — what figures of a cgroup mean", () => {
  const usage = usageFrom(
    {
      ...nothing,
      cpu: { usage: { total: 5e8, kernel: 0, user: 0 } },
      memory: {
        usage: { usage: 500_000, limit: 2n ** 64n - 1n, failcnt: 0 },
        raw: { inactive_file: 100_000 },
      },
      pids: { current: 3 },
      blkio: {
        ioServiceBytesRecursive: [
          { op: "Read", value: 5 },
          { op: "Write", value: 7 },
          { op: "Read", value: 6 },
        ],
      },
    } as never,
    host,
  );

  test("memory is without the page cache that could go; its limit is the machine's where there is none", () => {
    expect(usage.memory).toEqual({ bytes: 400_000, limit: 1_024_000 });
    expect(usage).toMatchObject({
      pids: 3,
      network: { received: 11, sent: 22 },
      block: { read: 11, written: 7 },
    });
    expect(usageFrom(nothing as never, host).memory).toBe(undefined);
  });

  test("per cent of one processor: what it had of what all had, times their number", () => {
    // 1000 ticks of all processors, half a second of one.
    expect(usage.systemNs).toBe(1e10);
    const before = { ...usage, cpuNs: 0, systemNs: 9e9 };
    expect(rateBetween(before, usage).cpuPercent).toBeCloseTo(200);
    expect(rateBetween(undefined, usage).cpuPercent).toBe(0);
    // Started anew between the two.
    expect(rateBetween({ ...usage, cpuNs: 6e8 }, usage).cpuPercent).toBe(0);
    expect(rateBetween(before, usage).memoryPercent).toBeCloseTo(39.06);
  });

  asRoot("of those that run, of all, of those named", async () => {
    await using t = await TestEngine.open();
    const busy = await t.running(t.script("while :; do :; done", { name: "busy" }));
    const { id: idle } = await t.engine.create(t.request({ name: "idle" }));
    const [first, ...more] = await t.engine.sample();
    expect(more).toEqual([]);
    expect(first).toMatchObject({ id: busy, name: "busy" });
    expect(first!.usage!.pids).toBeGreaterThan(0);
    expect((await t.engine.sample([], { all: true })).map(({ name }) => name)).toEqual(["busy", "idle"]);
    expect(await t.engine.sample([idle.slice(0, 12)])).toEqual([
      { id: idle, name: "idle", usage: undefined },
    ]);
    await eventually(async () => {
      const [second] = await t.engine.sample(["busy"]);
      return rateBetween(first!.usage, second!.usage!).cpuPercent > 1 || undefined;
    }, "more than one per cent");
    await expect(t.engine.sample(["nobody"])).rejects.toMatchObject({ kind: "NotFound" });
  });
});

describe("top", () => {
  test("rows whose PID is the container's; the last column keeps its spaces", () => {
    const output = "UID   PID  CMD\nroot    1  init\nroot   22  sh -c a  b\n 5    220  x\n";
    expect(parseProcesses(output, new Set([22, 220]))).toEqual({
      titles: ["UID", "PID", "CMD"],
      processes: [
        ["root", "22", "sh -c a b"],
        ["5", "220", "x"],
      ],
    });
    expect(() => parseProcesses("CMD\nx\n", new Set())).toThrow("couldn't find PID field in ps output");
  });

  asRoot("the host's ps, with its options and its pids", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("sleep 1234 & sleep 60"));
    const { pid } = (await t.engine.find(id)).run.init!;
    const { titles, processes } = await eventually(async () => {
      const top = await t.engine.top(id);
      return top.processes.length > 1 ? top : undefined;
    }, "its second process");
    expect(titles.slice(0, 3)).toEqual(["UID", "PID", "PPID"]);
    expect(processes[0]?.[1]).toBe(String(pid));
    // A process that was just forked has the name of its shell.
    const programs = async () => (await t.engine.top(id)).processes.map((row) => row.at(-1));
    await expect.poll(programs).toContain("sleep 1234");
    expect((await t.engine.top(id, ["-o", "pid,comm"])).titles).toEqual(["PID", "COMMAND"]);
    await expect(t.engine.top(id, ["-o", "comm"])).rejects.toMatchObject({ kind: "InvalidArgument" });
    await expect(t.engine.top(id, ["--no-such"])).rejects.toMatchObject({ kind: "InvalidArgument" });
    await t.engine.kill(id);
    await t.engine.wait(id);
    await expect(t.engine.top(id)).rejects.toMatchObject({ kind: "FailedPrecondition" });
  });
});

describe("attach", () => {
  asRoot("any number of clients: all see the output, and all may type", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("while read line; do echo got $line; done", { stdin: "open" }));
    using first = await t.engine.attach(id, { stdin: true, stdout: true });
    using second = await t.engine.attach(id, { stdin: true, stdout: true });
    const next = async (client: typeof first) =>
      String((await client.attachment.stdout!.iterator({ destroyOnReturn: false }).next()).value);
    first.attachment.stdin!.write("one\n");
    expect([await next(first), await next(second)]).toEqual(["got one\n", "got one\n"]);
    second.attachment.stdin!.write("two\n");
    expect([await next(first), await next(second)]).toEqual(["got two\n", "got two\n"]);
    second[Symbol.dispose]();
    first.attachment.stdin!.write("three\n");
    expect(await next(first)).toBe("got three\n");
    expect(await t.status(id)).toBe("running");
    await t.engine.kill(id);
    expect((await first.attachment.exited).status).toMatchObject({ signaled: "SIGKILL" });
  });

  asRoot("not to one that does not run, or is paused", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.script("sleep 60"));
    const attach = () => t.engine.attach(id, { stdout: true });
    await expect(attach()).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "cannot attach to a stopped container, start it first",
    });
    (await t.engine.start(id))[Symbol.dispose]();
    await t.engine.pause(id);
    await expect(attach()).rejects.toMatchObject({
      message: "cannot attach to a paused container, unpause it first",
    });
  });
});

describe("healthcheck run — podman-healthcheck-run(1)", () => {
  const health = (test: readonly string[], timeoutMs = 5000) => ({
    test,
    intervalMs: 3_600_000,
    timeoutMs,
    retries: 3,
    startPeriodMs: 0,
    startIntervalMs: 3_600_000,
  });

  asRoot("what the check says now", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(
      t.script("sleep 60", { health: health(["CMD-SHELL", "echo looking; test -e /tmp/ok"]) }),
    );
    expect(await t.engine.healthCheck(id)).toEqual({ healthy: false, timedOut: false, output: "looking\n" });
    await using touch = await t.engine.exec(id, { args: ["touch", "/tmp/ok"] });
    await touch.wait();
    expect(await t.engine.healthCheck(id)).toEqual({ healthy: true, timedOut: false, output: "looking\n" });
    expect((await t.engine.inspect(id)).State.Health).toMatchObject({
      Status: "healthy",
      FailingStreak: 0,
      Log: [{ ExitCode: 1 }, { ExitCode: 0 }],
    });
  });

  asRoot("one that takes too long is killed; without one there is nothing to run", async () => {
    await using t = await TestEngine.open();
    const slow = await t.running(t.script("sleep 60", { health: health(["CMD", "sleep", "1000"], 200) }));
    expect(await t.engine.healthCheck(slow)).toMatchObject({ healthy: false, timedOut: true });
    const programs = async () =>
      (await t.engine.top(slow, ["-o", "pid,args"])).processes.map((row) => row.at(-1));
    await expect.poll(programs).toEqual(["sleep 60"]);
    const id = await t.running();
    await expect(t.engine.healthCheck(id)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining("has no defined healthcheck"),
    });
  });
});
