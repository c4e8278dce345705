/** Restart policies, made by monitor and exit command, and what keeps them from it. */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { eventually } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";
import { forgetEngines, prepareEngines, TestEngine } from "../an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

/** Until it works out. */
async function until(what: string, test: () => Promise<boolean>): Promise<void> {
  await eventually(async () => (await test()) || undefined, what);
}

describe("--restart", () => {
  asRoot("on-failure:2 — three runs into one log, then exited with the last code", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(
      t.script("echo run; exit 3", { restart: { name: "on-failure", maximumRetryCount: 2 } }),
    );
    await until("the end", async () => {
      const { State, RestartCount } = await t.engine.inspect(id);
      return State.Status === "exited" && RestartCount === 2;
    });
    expect(t.logged(id)).toBe("run\nrun\nrun");
    expect((await t.engine.inspect(id)).State.ExitCode).toBe(3);
    expect(t.errors(id)).toBe("");
    await until("the cgroup's end", async () => t.cgroups().length === 0);
  });

  asRoot("on-failure — not after success", async () => {
    await using t = await TestEngine.open();
    const id = await t.running(t.script("exit 0", { restart: { name: "on-failure", maximumRetryCount: 0 } }));
    await t.becomes(id, "exited");
    expect((await t.engine.inspect(id)).RestartCount).toBe(0);
  });

  asRoot("always — after a death nobody asked for, but not after stop or kill", async () => {
    await using t = await TestEngine.open();
    const waiting = "trap 'exit 0' TERM; echo run; while :; do sleep 0.1; done";
    const id = await t.running(t.script(waiting, { restart: { name: "always" } }));
    const { pid } = (await t.engine.find(id)).run.init!;
    process.kill(pid, "SIGKILL");
    await until("the second run", async () => {
      const { run, status } = await t.engine.find(id);
      return status === "running" && run.init?.pid !== pid && run.restarts.count === 1;
    });
    await t.engine.stop(id);
    expect(await t.status(id)).toBe("exited");
    (await t.engine.start(id))[Symbol.dispose]();
    await t.engine.kill(id);
    await t.becomes(id, "exited");
    expect((await t.engine.inspect(id)).RestartCount).toBe(0);
    expect(t.errors(id)).toBe("");
  });

  asRoot("while it waits to be started again it is `restarting`; stop and rm -f end the wait", async () => {
    await using t = await TestEngine.open();
    const failing = t.script("exit 1", { restart: { name: "always" } });
    for (const verb of ["stop", "rm"] as const) {
      const id = await t.running(failing);
      // Its waits double, so that after a few there is time to look.
      await until("a long wait", async () => {
        const { State, RestartCount } = await t.engine.inspect(id);
        return State.Status === "restarting" && RestartCount >= 3;
      });
      if (verb === "stop") {
        await t.engine.stop(id);
        expect(await t.status(id)).toBe("exited");
        await t.engine.remove(id);
      } else await t.engine.remove(id, { force: true });
      expect(await t.status(id)).toBe("gone");
    }
    expect(t.remains()).toEqual([]);
  });
});
