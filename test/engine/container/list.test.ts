/** What can be asked of containers: ps with filters, inspect, events, wait, prune, update. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { EngineEvent } from "../../../src/engine/events.ts";
import { eventually } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

describe("ps", () => {
  asRoot("running ones, newest first; all with -a; filters", async () => {
    await using t = await TestEngine.open();
    const first = await t.running(
      t.script("exec sleep 1000", { name: "first", labels: { tier: "web", env: "test" } }),
    );
    const { id: made } = await t.engine.create(t.script("true", { name: "made", labels: { tier: "db" } }));
    const failed = await t.running(t.script("exit 3", { name: "failed" }));
    await t.engine.wait(failed);
    const last = await t.running(t.script("exec sleep 1000", { name: "last" }));
    const names = async (options: Parameters<typeof t.engine.list>[0]) =>
      (await t.engine.list(options)).map(({ name }) => name);
    expect(await names({})).toEqual(["last", "first"]);
    expect(await names({ all: true })).toEqual(["last", "failed", "made", "first"]);
    expect(await names({ last: 2 })).toEqual(["last", "failed"]);
    const filtered = (filters: object) => names({ all: true, filters });
    expect(await filtered({ name: ["^f"] })).toEqual(["failed", "first"]);
    expect(await filtered({ id: [first.slice(0, 10)] })).toEqual(["first"]);
    expect(await filtered({ label: ["tier"] })).toEqual(["made", "first"]);
    expect(await filtered({ label: ["tier=web", "env"] })).toEqual(["first"]);
    expect(await filtered({ label: ["from=image"] })).toHaveLength(4);
    expect(await names({ filters: { status: ["exited"] } })).toEqual(["failed"]);
    expect(await names({ filters: { exited: ["3"] } })).toEqual(["failed"]);
    expect(await filtered({ before: ["made"] })).toEqual(["first"]);
    expect(await filtered({ since: [made] })).toEqual(["last", "failed"]);
    expect(await filtered({ ancestor: ["bb"] })).toHaveLength(4);
    expect(await filtered({ ancestor: ["other"] })).toEqual([]);
    expect(await filtered({ network: ["none"] })).toHaveLength(4);
    expect(await filtered({ health: ["none"], status: ["running"] })).toEqual(["last", "first"]);
    await expect(filtered({ status: ["odd"] })).rejects.toMatchObject({ kind: "InvalidArgument" });
    await expect(filtered({ nonsense: ["x"] })).rejects.toMatchObject({ kind: "InvalidArgument" });
    await expect(filtered({ before: ["nobody"] })).rejects.toMatchObject({ kind: "NotFound" });
    expect((await t.engine.prune()).removed.toSorted()).toEqual([made, failed].toSorted());
    expect(await names({ all: true })).toEqual(["last", "first"]);
    await t.engine.kill(last);
  });
});

describe("inspect", () => {
  asRoot("docker's names for what was asked for, and for what came of it", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(
      t.script("exit 0", {
        name: "seen",
        entrypoint: ["/bin/sh", "-c"],
        command: ["true"],
        labels: { a: "b" },
        user: "alice",
        resources: { pids: 100 },
        restart: { name: "on-failure", maximumRetryCount: 3 },
        stopTimeoutSeconds: 3,
      }),
    );
    const seen = await t.engine.inspect("seen", { size: true });
    expect(seen).toMatchObject({
      Id: id,
      Name: "/seen",
      Path: "/bin/sh",
      Args: ["-c", "true"],
      Image: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      State: { Status: "created", StartedAt: "0001-01-01T00:00:00Z" },
      Config: {
        Cmd: ["true"],
        Entrypoint: ["/bin/sh", "-c"],
        Env: expect.arrayContaining(["FROM=image"]),
        Image: "bb",
        Labels: { a: "b", from: "image" },
        User: "alice",
        StopSignal: "SIGTERM",
        StopTimeout: 3,
      },
      HostConfig: {
        NetworkMode: "none",
        RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 },
        PidsLimit: 100,
        Privileged: false,
      },
      NetworkSettings: { Networks: {}, Ports: {} },
      SizeRw: expect.any(Number),
    });
    expect(seen.Created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  });

  asRoot("the size of a container is that of its files: none in one that has written none", async () => {
    await using t = await TestEngine.open();
    const tmpfs = { type: "tmpfs", destination: "/made/to/mount/on", readonly: false, options: [] } as const;
    const sizeOf = async (id: string) => (await t.engine.inspect(id, { size: true })) as { SizeRw: number };
    const { id } = await t.engine.create(t.script("true", { mounts: [tmpfs] }));
    expect(await sizeOf(id)).toMatchObject({ SizeRw: 0 });
    (await t.engine.start(id))[Symbol.dispose]();
    await t.becomes(id, "exited");
    const upper = join(t.root, "containers", id, "upper");
    expect(existsSync(join(upper, "made/to/mount/on"))).toBe(true);
    expect(await sizeOf(id)).toMatchObject({ SizeRw: 0 });
    const other = await t.running(
      t.script("dd if=/bin/busybox of=/new bs=1k count=100; sync; echo done; sleep 60"),
    );
    await t.said(other, "done");
    expect((await sizeOf(other)).SizeRw).toBeGreaterThanOrEqual(100 << 10);
    expect((await sizeOf(other)).SizeRw).toBeLessThan(200 << 10);
  });

  asRoot("a policy can be changed while it runs", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("exec sleep 1000"));
    await t.engine.update(id, { restart: { name: "always" } });
    expect((await t.engine.inspect(id)).HostConfig.RestartPolicy.Name).toBe("always");
    process.kill((await t.engine.find(id)).run.init!.pid, "SIGKILL");
    const restarts = async () => (await t.engine.find(id)).run.restarts.count;
    await eventually(async () => (await restarts()) > 0 || undefined, "a restart");
    await t.becomes(id, "running");
    await expect(t.engine.update(id, { resources: { memory: 1 } })).rejects.toMatchObject({
      kind: "InvalidArgument",
    });
  });
});

describe("events", () => {
  asRoot("what happens, in its order, with docker's words; also what has happened", async () => {
    await using t = await TestEngine.open();
    const since = new Date(Date.now() - 1000);
    const live: EngineEvent[] = [];
    const end = new AbortController();
    const following = (async () => {
      for await (const event of t.engine.events({ signal: end.signal })) live.push(event);
    })();
    const id = await t.running(t.script("exec sleep 1000", { name: "told" }));
    await t.engine.pause(id);
    await t.engine.unpause(id);
    await t.engine.kill(id);
    await t.engine.wait(id);
    await t.becomes(id, "exited");
    await t.engine.remove(id);
    await eventually(() => live.at(-1)?.action === "destroy" || undefined, "the last event");
    end.abort();
    await following;
    const wanted = ["create", "start", "pause", "unpause", "kill", "die", "destroy"];
    expect(live.map(({ action }) => action)).toEqual(wanted);
    expect(live.find(({ action }) => action === "die")!.attributes).toMatchObject({
      exitCode: "137",
      name: "told",
      image: "bb",
    });
    const past: EngineEvent[] = [];
    for await (const event of t.engine.events({
      since,
      follow: false,
      matches: ({ type }) => type === "container",
    }))
      past.push(event);
    expect(past.map(({ action }) => action)).toEqual(wanted);
    for (const { actor } of past) expect(actor).toBe(id);
  });
});

describe("wait", () => {
  asRoot("at once for what does not run; for the next exit; until it is aborted", async () => {
    await using t = await TestEngine.open();
    const { id } = await t.engine.create(t.script("exit 8"));
    expect(await t.engine.wait(id)).toBe(0);
    const next = t.engine.wait(id, { condition: "next-exit" });
    (await t.engine.start(id))[Symbol.dispose]();
    expect(await next).toBe(8);
    const running = await t.running(t.script("exec sleep 1000"));
    await expect(t.engine.wait(running, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
  });
});

describe("a health check", () => {
  asRoot("starting, healthy, unhealthy; what it said is in inspect", async () => {
    await using t = await TestEngine.open();
    const health = {
      test: ["CMD-SHELL", "while [ ! -e /begin ]; do sleep 0.05; done; cat /well"],
      intervalMs: 150,
      timeoutMs: 20_000,
      retries: 2,
      startPeriodMs: undefined,
      startIntervalMs: undefined,
    };
    const id = await t.running(t.script("exec sleep 1000", { health }));
    const exec = async (script: string) => {
      await using process = await t.engine.exec(id, { args: ["sh", "-c", script] });
      expect(await process.wait()).toEqual({ exited: 0 });
    };
    const status = async () => (await t.engine.inspect(id)).State.Health?.Status;
    expect(await status()).toBe("starting");
    await exec("touch /begin");
    await eventually(async () => (await status()) === "unhealthy" || undefined, "unhealthy");
    await exec("echo yes > /new; busybox mv /new /well");
    await eventually(async () => (await status()) === "healthy" || undefined, "healthy");
    expect((await t.engine.inspect(id)).State.Health).toMatchObject({ Status: "healthy", FailingStreak: 0 });
    expect((await t.engine.inspect(id)).State.Health!.Log.at(-1)).toMatchObject({
      ExitCode: 0,
      Output: "yes\n",
    });
    expect((await t.engine.list({ filters: { health: ["healthy"] } })).map((row) => row.id)).toEqual([id]);
  });
});
