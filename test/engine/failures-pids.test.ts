/** `--pids-limit`: a container that forks without end has so many processes and no more. For the VM lane. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import { eventually } from "../support/container.ts";
import { needs } from "../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "./an-engine.ts";

const withPids = needs("root", "cgroup2", "pids controller");

beforeAll(prepareEngines);
afterAll(forgetEngines);

describe("--pids-limit", () => {
  withPids("holds a fork bomb; stop and rm end all of it", async () => {
    await using t = await TestEngine.open();
    const bomb = "(while :; do sleep 1000 & done) & exec sleep 1000";
    const id = await t.running(t.script(bomb, { resources: { pids: 30 } }));
    let highest = 0;
    let looks = 0;
    await eventually(() => {
      const procs = readFileSync(join(hierarchy().mountPoint, "runt", id, "cgroup.procs"), "latin1");
      highest = Math.max(highest, procs.split("\n").length - 1);
      // For a while, that it could grow.
      return (++looks > 40 && highest >= 10) || undefined;
    }, "ten processes");
    expect(highest).toBeLessThanOrEqual(30);
    expect(await t.output(t.script("echo fine"))).toMatchObject({ code: 0, stdout: "fine\n" });
    await t.engine.stop(id, { timeoutSeconds: 1 });
    expect(await t.status(id)).toBe("exited");
    await t.engine.remove(id, { force: true });
    expect(t.remains()).toEqual([]);
  });
});
