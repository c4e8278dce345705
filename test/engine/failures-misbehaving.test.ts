/** Containers that do what they should not: fork, write or hang without end. Others notice nothing, and all of it ends. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { eventually } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "./an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

/** Pid 1 forks nothing, as a shell that cannot fork ends. */
const bomb = "(while :; do sleep 1000 & done) & exec sleep 1000";
/** Nobody else's: the limit is on all processes of a user. */
const user = String(200_000_000 + process.pid);

/** How many processes it has had at a time, once there have been so many. */
async function most(id: string, wanted: number): Promise<number> {
  let highest = 0;
  let looks = 0;
  await eventually(() => {
    const procs = readFileSync(join(hierarchy().mountPoint, "runt", id, "cgroup.procs"), "latin1");
    highest = Math.max(highest, procs.split("\n").length - 1);
    // For a while, that it could grow.
    return (++looks > 40 && highest >= wanted) || undefined;
  }, `${wanted} processes`);
  return highest;
}

async function end(t: TestEngine, id: string): Promise<void> {
  await t.engine.remove(id, { force: true });
  expect(t.remains()).toEqual([]);
  expect(t.log).toEqual([]);
}

describe("forks without end", () => {
  asRoot("a limit on processes of its user holds it; stop and rm end all of them", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script(bomb, { user, ulimits: { nproc: { soft: 40, hard: 40 } } }));
    expect(await most(id, 10)).toBeLessThanOrEqual(40);
    // Commands for it, and for others, work.
    expect(await t.status(id)).toBe("running");
    expect(await t.output(t.script("echo fine"))).toMatchObject({ code: 0, stdout: "fine\n" });
    await t.engine.stop(id, { timeoutSeconds: 1 });
    expect(await t.status(id)).toBe("exited");
    await end(t, id);
  });
});

describe("writes without end", () => {
  asRoot("to its output: the log has its limit, who does not read holds nobody up, stop works", async () => {
    await using t = await TestEngine.open();
    const line = "x".repeat(1000);
    const id = await t.running(
      t.script(`while :; do echo ${line}; done`, {
        log: { driver: "file", maxSize: 200_000, maxFiles: 2 },
      }),
    );
    // Somebody who is attached, and sleeps.
    using attachment = await t.engine.attach(id, { stdout: true, whenSlow: "leave out" });
    expect(attachment).toBeDefined();
    const logs = (): number[] =>
      readdirSync(join(t.root, "containers", id))
        .filter((name) => /^log/.test(name))
        // One may be renamed at this moment.
        .map((name) => statSync(join(t.root, "containers", id, name), { throwIfNoEntry: false })?.size ?? 0);
    await eventually(() => (logs().length === 2 ? true : undefined), "a second file of the log");
    const before = t.logged(id);
    await eventually(() => (t.logged(id) === before ? undefined : true), "more of it");
    expect(Math.max(...logs())).toBeLessThanOrEqual(200_000);
    await t.engine.stop(id, { timeoutSeconds: 0 });
    expect(logs().length).toBeLessThanOrEqual(2);
    expect((await t.engine.inspect(id)).State).toMatchObject({ Status: "exited", ExitCode: 137 });
    await end(t, id);
  });

  asRoot("to a tmpfs of its own: that is full, and nobody else's disk", async () => {
    await using t = await TestEngine.open();
    const { code, stdout } = await t.output(
      t.script("dd if=/dev/zero of=/data/full bs=64k 2>/dev/null; echo $?; wc -c < /data/full", {
        mounts: [{ type: "tmpfs", destination: "/data", readonly: false, options: ["size=1m"] }],
      }),
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: `1\n${1 << 20}\n` });
    expect(t.remains()).toEqual([]);
  });
});

describe("hangs", () => {
  asRoot("one that ignores TERM is killed when its time is over, children too", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("trap '' TERM; sleep 1000 & echo ready; while :; do sleep 1; done"));
    await t.said(id, "ready");
    await t.engine.kill(id, "TERM");
    expect(await t.status(id)).toBe("running");
    const begin = performance.now();
    await t.engine.stop(id, { timeoutSeconds: 1 });
    // Not before its time.
    expect(performance.now() - begin).toBeGreaterThan(950);
    expect((await t.engine.inspect(id)).State).toMatchObject({ Status: "exited", ExitCode: 137 });
    await end(t, id);
  });

  asRoot("one that is stopped by SIGSTOP, or paused, can be stopped and removed", async () => {
    await using t = await TestEngine.open();
    const stopped = await t.running();
    await t.engine.kill(stopped, "STOP");
    await t.engine.stop(stopped, { timeoutSeconds: 1 });
    expect(await t.status(stopped)).toBe("exited");
    const paused = await t.running();
    await t.engine.pause(paused);
    expect(await t.status(paused)).toBe("paused");
    await t.engine.remove(paused, { force: true });
    await t.engine.remove(stopped);
    expect(t.remains()).toEqual([]);
  });
});
