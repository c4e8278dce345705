/** What is left when something dies at the wrong moment, and that the next command puts it right. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { isAlive } from "../../src/linux/process.ts";
import { eventually } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";
import { type Command, forgetEngines, prepareEngines, processesOf, TestEngine } from "./an-engine.ts";

beforeAll(prepareEngines);
afterAll(forgetEngines);

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param killAfterMs sends SIGKILL then */
function execute({ argv, env }: Command, killAfterMs?: number): Promise<Ended> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text) => (stdout += text));
    child.stderr.on("data", (text) => (stderr += text));
    child.once("error", reject);
    if (killAfterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Kills monitors and containers of an engine at once, as a crash of everything but the machine. */
function killAll(t: TestEngine): void {
  for (const record of t.engine.context.store.containers.list()) {
    for (const process_ of [record.run.monitor, record.run.init]) {
      if (process_) kill(process_.pid);
    }
  }
  for (const pid of processesOf(t.directory)) kill(pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {} // it has ended
}

describe("kill -9 of `run`, whenever", () => {
  asRoot(
    "what it made can be listed and removed; nothing is left",
    async () => {
      await using t = await TestEngine.open();
      const request = { command: ["sh", "-c", "exec sleep 1000"], image: "bb", network: { mode: "none" } };
      let finished = 0;
      for (let afterMs = 60; afterMs <= 420; afterMs += 12) {
        const { signal } = await execute(
          t.command("run", JSON.stringify({ ...request, detach: true, name: `k${afterMs}` })),
          afterMs,
        );
        if (signal === null) finished++;
        const rows = await t.engine.list({ all: true });
        for (const { status } of rows) expect(["created", "running", "exited"]).toContain(status);
        // The name is free again, or its container is there.
        for (const { id } of rows) await t.engine.remove(id, { force: true });
        expect(t.remains(), `killed after ${afterMs} ms`).toEqual([]);
        if (finished > 3) break;
      }
      expect(t.log).toEqual([]);
    },
    120_000,
  );

  asRoot(
    "in the foreground: the container ends as it would, and the exit command does the rest",
    async () => {
      await using t = await TestEngine.open();
      const request = {
        command: ["sh", "-c", "sleep 1; exit 6"],
        image: "bb",
        network: { mode: "none" },
        name: "fg",
      };
      const { signal, stdout } = await execute(t.command("run", JSON.stringify(request)), 700);
      expect(signal).toBe("SIGKILL");
      if (stdout === "") return; // killed before it ran: the test above is about that
      expect(await t.engine.wait("fg")).toBe(6);
      await t.becomes("fg", "exited");
    },
  );
});

describe("kill -9 of monitor, init, everything", () => {
  asRoot("of the monitor: the container ends with it, and that is what `ps` says", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    const { monitor, init } = (await t.engine.find(id)).run;
    kill(monitor!.pid);
    await t.becomes(id, "exited");
    expect(isAlive(init!.pid, init!.startTime)).toBe(false);
    expect((await t.engine.inspect(id)).State).toMatchObject({
      ExitCode: 137,
      Error: expect.stringContaining("monitor was killed"),
    });
    expect(t.cgroups()).toEqual([]);
    (await t.engine.start(id))[Symbol.dispose]();
    expect(await t.status(id)).toBe("running");
  });

  asRoot("of everything at once, with --rm and --restart among them", async () => {
    await using t = await TestEngine.open();
    const plain = await t.running();
    const removed = await t.running(t.script("exec sleep 1000", { autoRemove: true }));
    const restarted = await t.running(t.script("exec sleep 1000", { restart: { name: "always" } }));
    killAll(t);
    await t.becomes(plain, "exited");
    await t.becomes(removed, "gone");
    await t.becomes(restarted, "exited");
    expect(t.cgroups()).toEqual([]);
    expect(readdirSync(t.runRoot)).toEqual([]);
  });
});

describe("a reboot — /run is empty, no process is left", () => {
  asRoot("all have exited, with their names and files; what is to be restarted can be", async () => {
    await using t = await TestEngine.open();
    const plain = await t.running(t.script("echo kept > /kept; exec sleep 1000", { name: "plain" }));
    const always = await t.running(t.script("exec sleep 1000", { restart: { name: "always" } }));
    const stopped = await t.running(t.script("exec sleep 1000", { restart: { name: "unless-stopped" } }));
    await t.engine.stop(stopped, { timeoutSeconds: 0 });
    const kept = join(t.root, "containers", plain, "upper/kept");
    await eventually(() => existsSync(kept) || undefined, "what it keeps");
    // Another boot has another id, and the runtime's state is gone.
    const { store } = t.engine.context;
    killAll(t);
    const runs = (id: string): boolean => {
      const { pid, startTime } = store.containers.get(id)!.run.init!;
      return isAlive(pid, startTime);
    };
    await eventually(() => (runs(plain) || runs(always) ? undefined : true), "the end of both");
    for (const id of [plain, always]) {
      const { run } = store.containers.get(id)!;
      store.containers.update(id, { run: { ...run, bootId: "another" } });
    }
    renameSync(t.runRoot, `${t.runRoot}-before`);
    mkdirSync(t.runRoot);
    rmSync(`${t.runRoot}-before`, { recursive: true });

    expect(await t.status("plain")).toBe("exited");
    expect((await t.engine.inspect("plain")).State).toMatchObject({
      ExitCode: 255,
      Error: "the machine went down",
    });
    expect(await t.engine.revive()).toEqual([always]);
    expect(await t.status(always)).toBe("running");
    expect(await t.status(stopped)).toBe("exited");
    (await t.engine.start("plain"))[Symbol.dispose]();
    expect(existsSync(kept)).toBe(true);
    // The runtime's cgroups of the former boot are this test's own.
    for (const id of t.cgroups()) expect([plain, always]).toContain(id);
  });
});

describe("many at once", () => {
  asRoot("two rm of one container: one does it, one finds no such container", async () => {
    await using t = await TestEngine.open();
    const id = await t.running();
    const both = await Promise.all([
      execute(t.command("rm", id, "force")),
      execute(t.command("rm", id, "force")),
    ]);
    expect(both.map(({ code }) => code).sort(), JSON.stringify(both)).toEqual([0, 125]);
    expect(both.find(({ code }) => code === 125)!.stderr).toContain("no such container");
    expect(t.remains()).toEqual([]);
  });

  asRoot(
    "fifty run --rm from processes of their own",
    async () => {
      await using t = await TestEngine.open();
      const request = { image: "bb", network: { mode: "none" }, autoRemove: true };
      const results = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          execute(t.command("run", JSON.stringify({ ...request, command: ["sh", "-c", `exit ${i}`] }))),
        ),
      );
      expect(results.map(({ stderr }) => stderr).filter((text) => text !== "")).toEqual([]);
      expect(results.map(({ code }) => code)).toEqual(Array.from({ length: 50 }, (_, i) => i));
      expect(await t.engine.list({ all: true })).toEqual([]);
      expect(t.remains()).toEqual([]);
    },
    120_000,
  );

  asRoot("twenty runs in one process", async () => {
    await using t = await TestEngine.open();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => t.output(t.script(`echo ${i}; exit ${i}`, { autoRemove: true }))),
    );
    expect(results.map(({ code, stdout }) => `${code} ${stdout}`)).toEqual(
      Array.from({ length: 20 }, (_, i) => `${i} ${i}\n`),
    );
    expect(t.remains()).toEqual([]);
  });

  asRoot("fifty names at once, each given once", async () => {
    await using t = await TestEngine.open();
    const all = await Promise.allSettled(
      Array.from({ length: 10 }, () => t.engine.create(t.request({ name: "same" }))),
    );
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(t.remains()).toHaveLength(1);
  });
});
