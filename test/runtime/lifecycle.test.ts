import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as runtime from "../../src/runtime/index.ts";
import { aBundle, freshName, namespaces } from "../support/bundle.ts";
import { aContainer, aContext, eventually, runBundle, stateRoot } from "../support/container.ts";
import { asRoot } from "../support/needs.ts";

const SIGKILL = 9;
const SIGTERM = 15;
const SIGUSR1 = 10;

describe("create — runtime-spec runtime.md#create", () => {
  asRoot("the program does not run before start", async () => {
    await using c = await aContainer({ status: "created" });
    expect(c.status).toBe("created");
    expect(c.stdout).toBe("");
    expect(readFileSync(`/proc/${c.pid}/cmdline`, "latin1")).not.toMatch(/probe/);
    await c.start();
    await c.said(/ready/);
    expect(c.status).toBe("running");
  });

  asRoot("the state directory is 0711, its state for root alone", async () => {
    await using c = await aContainer({ status: "created" });
    expect(statSync(c.directory).mode & 0o777).toBe(0o711);
    expect(statSync(join(c.directory, "state.json")).mode & 0o077).toBe(0);
  });

  asRoot("config.json may change or go afterwards", async () => {
    await using c = await aContainer({ status: "created" });
    rmSync(join(c.bundle.path, "config.json"));
    await c.start();
    expect((await c.exec(["echo", "works"])).stdout).toBe("works\n");
  });

  asRoot("init's parent is not the runtime", async () => {
    await using c = await aContainer({ status: "created" });
    expect(readFileSync(`/proc/${c.pid}/stat`, "latin1").split(") ")[1]!.split(" ")[1]).not.toBe(
      String(process.pid),
    );
  });

  asRoot("an id that is taken: AlreadyExists", async () => {
    await using c = await aContainer({ status: "created" });
    await expect(runtime.create(c.context, c.id, { bundle: c.bundle.path })).rejects.toMatchObject({
      kind: "AlreadyExists",
      message: "container with given ID already exists",
      site: { operation: "create", subject: `container ${c.id}` },
    });
    expect(c.status).toBe("created");
  });

  for (const id of ["", ".", "..", "a/b", "a b", "ä", "-\n", `${"x".repeat(1025)}`]) {
    test(`the id ${JSON.stringify(id.slice(0, 20))}: InvalidArgument`, async () => {
      await using bundle = await aBundle();
      await expect(runtime.create(aContext(), id, { bundle: bundle.path })).rejects.toMatchObject({
        kind: "InvalidArgument",
        message: expect.stringContaining("invalid container ID format"),
      });
    });
  }

  for (const id of ["a", "A-b_c.d+e", "...", `${freshName()}`]) {
    asRoot(`the id ${id} is fine`, async () => {
      await using c = await aContainer({ id, status: "created" });
      expect(c.state().id).toBe(id);
    });
  }

  test("a bundle that is not there: NotFound", async () => {
    await expect(
      runtime.create(aContext(), freshName(), { bundle: "/no/such/bundle" }),
    ).rejects.toMatchObject({
      kind: "NotFound",
      site: { path: expect.stringContaining("/no/such/bundle") },
    });
  });

  asRoot("a configuration of another name and place", async () => {
    await using bundle = await aBundle({ process: { args: ["/probe", "--pause"] } });
    const config = join(bundle.directory, "other.json");
    writeFileSync(config, JSON.stringify({ ...bundle.config, hostname: "other" }));
    rmSync(join(bundle.path, "config.json"));
    await using c = await aContainer({ bundle, options: { config } });
    expect((await c.probe()).hostname).toBe("other");
  });

  asRoot("properties and annotations that nobody knows are passed over", async () => {
    const unknown = {
      surprise: { deep: [1] },
      annotations: { "com.example/unknown": "x" },
      vm: {},
      windows: {},
      solaris: {},
    };
    const { status } = await runBundle({
      ...unknown,
      process: { args: ["true"], novelty: 1 },
      linux: { future: true },
    });
    expect(status).toEqual({ exited: 0 });
  });
});

describe("state — runtime-spec runtime.md#query-state", () => {
  asRoot("of a created container", async () => {
    await using c = await aContainer({ status: "created", config: { annotations: { key: "value" } } });
    expect(c.state()).toMatchObject({
      ociVersion: "1.2.0",
      id: c.id,
      status: "created",
      bundle: c.bundle.path,
      rootfs: c.bundle.rootfs,
      annotations: { key: "value" },
      owner: "root",
    });
    expect(c.pid).toBeGreaterThan(1);
    expect(c.state().created).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  });

  for (const status of ["created", "running", "paused", "stopped"] as const) {
    asRoot(`of a ${status} container`, async () => {
      await using c = await aContainer({ status });
      expect(c.status).toBe(status);
      if (status === "stopped") expect(c.pid).toBe(0);
    });
  }

  asRoot("a program that has ended: stopped", async () => {
    await using c = await aContainer({ config: { process: { args: ["true"] } } });
    await c.becomes("stopped");
  });

  asRoot("a pid that another process has now: stopped", async () => {
    await using c = await aContainer();
    const file = join(c.directory, "state.json");
    const state = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(
      file,
      JSON.stringify({ ...state, init: { ...state.init, startTime: state.init.startTime - 1 } }),
    );
    expect(c.status).toBe("stopped");
    await expect(c.kill(SIGTERM)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "container not running",
    });
    writeFileSync(file, JSON.stringify(state));
  });

  for (const verb of [
    "state",
    "start",
    "kill",
    "delete",
    "pause",
    "resume",
    "ps",
    "exec",
    "stats",
  ] as const) {
    test(`${verb} of what is not there: NotFound`, async () => {
      const context = aContext();
      const id = freshName();
      const calls = {
        state: async () => runtime.state(context, id),
        start: () => runtime.start(context, id),
        kill: () => runtime.kill(context, id, SIGTERM, { all: false }),
        delete: () => runtime.deleteContainer(context, id, { force: false }),
        pause: () => runtime.pause(context, id),
        resume: () => runtime.resume(context, id),
        ps: async () => runtime.ps(context, id),
        exec: () => runtime.exec(context, id, { args: ["true"] }),
        stats: async () => runtime.stats(context, id),
      };
      await expect(calls[verb]()).rejects.toMatchObject({
        kind: "NotFound",
        message: "container does not exist",
        site: { subject: `container ${id}` },
      });
    });
  }
});

describe("start — runtime-spec runtime.md#start", () => {
  asRoot("a running container: an error, and it runs on", async () => {
    await using c = await aContainer();
    await expect(c.start()).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "cannot start an already running container",
      site: { operation: "start", subject: `container ${c.id}` },
    });
    expect(c.status).toBe("running");
  });

  asRoot("a stopped container", async () => {
    await using c = await aContainer({ status: "stopped" });
    await expect(c.start()).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "cannot start a container that has stopped",
    });
  });

  asRoot("a created container whose init has died does not hang", async () => {
    await using c = await aContainer({ status: "created" });
    await c.kill(SIGKILL);
    await c.becomes("stopped");
    await expect(c.start()).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "cannot start a container that has stopped",
    });
  });

  asRoot("two at once: one of them starts it", async () => {
    await using c = await aContainer({ status: "created" });
    const results = await Promise.allSettled([c.start(), c.start()]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await c.said(/ready/);
    expect(c.stdout.match(/ready/g)).toHaveLength(1);
  });
});

describe("kill — runtime-spec runtime.md#kill", () => {
  const listening = { process: { args: ["/probe", "--signals"] } };

  for (const signal of [1, 2, 10, 12, 15, 28, 40, 64]) {
    asRoot(`signal ${signal} reaches init, once`, async () => {
      await using c = await aContainer({ config: listening });
      await c.said(/ready/);
      await c.kill(signal);
      await eventually(() => (c.signalsSeen().length > 0 ? true : undefined), "the signal");
      expect(c.signalsSeen()).toEqual([signal]);
    });
  }

  asRoot("KILL ends a container", async () => {
    await using c = await aContainer();
    await c.kill(SIGKILL);
    await c.becomes("stopped");
  });

  asRoot("a created container can be killed", async () => {
    await using c = await aContainer({ status: "created" });
    await c.kill(SIGKILL);
    await c.becomes("stopped");
  });

  asRoot("a paused container gets KILL all the same", async () => {
    await using c = await aContainer({ status: "paused" });
    await c.kill(SIGKILL);
    await c.becomes("stopped");
  });

  asRoot("a stopped container: no effect, and an error", async () => {
    await using c = await aContainer({ status: "stopped" });
    await expect(c.kill(SIGTERM)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "container not running",
      site: { operation: "kill", subject: `container ${c.id}` },
    });
  });

  asRoot("a stopped container with --all: no error", async () => {
    await using c = await aContainer({ status: "stopped" });
    await c.kill(SIGKILL, true);
  });

  asRoot("--all reaches every process", async () => {
    await using c = await aContainer({ config: listening });
    await c.exec(["/probe", "--signals"], { detach: true, stdio: c.fds });
    await c.said(/ready\n(.*\n)*ready/);
    await c.kill(SIGUSR1, true);
    await eventually(() => (c.signalsSeen().length === 2 ? true : undefined), "two signals");
    expect(c.signalsSeen()).toEqual([SIGUSR1, SIGUSR1]);
  });

  asRoot("a number that is no signal: an error", async () => {
    await using c = await aContainer();
    await expect(c.kill(100)).rejects.toMatchObject({ code: "EINVAL" });
    expect(c.status).toBe("running");
  });

  const shared = { hostname: undefined, linux: { namespaces: namespaces("mount") } };

  asRoot("without a pid namespace of its own, KILL ends all of its processes", async () => {
    await using c = await aContainer({
      config: { ...shared, process: { args: ["sh", "-c", "sleep 1000 & echo ready; sleep 1000"] } },
    });
    await c.said(/ready/);
    const before = runtime.ps(c.context, c.id);
    expect(before.length).toBeGreaterThan(1);
    await c.kill(SIGKILL);
    await eventually(
      () => (before.some((pid) => existsSync(`/proc/${pid}/exe`)) ? undefined : true),
      "all to be gone",
    );
    await c.becomes("stopped");
  });

  asRoot("without one, what outlives init is still killed with KILL", async () => {
    await using c = await aContainer({
      config: { ...shared, process: { args: ["sh", "-c", "sleep 1000 & echo ready"] } },
    });
    await c.becomes("stopped");
    const [left] = runtime.ps(c.context, c.id);
    expect(left).toBeDefined();
    await c.kill(SIGKILL).catch(() => {});
    await eventually(() => (readableExe(left!) ? undefined : true), "the rest to be gone");
  });
});

function readableExe(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1") !== "";
  } catch {
    return false;
  }
}

describe("delete — runtime-spec runtime.md#delete", () => {
  asRoot("a stopped container: nothing is left of it", async () => {
    const c = await aContainer({ status: "stopped" });
    await c.delete();
    expect(existsSync(c.directory)).toBe(false);
    expect(() => c.state()).toThrow(/container does not exist/);
    await c[Symbol.asyncDispose]();
  });

  asRoot("a created container, without force", async () => {
    await using c = await aContainer({ status: "created" });
    const { pid } = c;
    await c.delete();
    expect(existsSync(c.directory)).toBe(false);
    expect(readableExe(pid)).toBe(false);
  });

  for (const status of ["running", "paused"] as const) {
    asRoot(`a ${status} container: an error, and it is untouched`, async () => {
      await using c = await aContainer({ status });
      await expect(c.delete()).rejects.toMatchObject({
        kind: "FailedPrecondition",
        message: `cannot delete container ${c.id} that is not stopped: ${status}`,
        site: { operation: "delete", subject: `container ${c.id}` },
      });
      expect(c.status).toBe(status);
    });

    asRoot(`a ${status} container with force`, async () => {
      await using c = await aContainer({ status });
      const { pid } = c;
      await c.delete(true);
      expect(existsSync(c.directory)).toBe(false);
      expect(readableExe(pid)).toBe(false);
    });
  }

  asRoot("what is not there, with force: no error", async () => {
    await runtime.deleteContainer(aContext(), freshName(), { force: true });
  });

  asRoot("a directory without state.json is taken away", async () => {
    const id = freshName();
    mkdirSync(join(stateRoot, id), { recursive: true });
    await runtime.deleteContainer(aContext(), id, { force: false });
    expect(existsSync(join(stateRoot, id))).toBe(false);
  });

  asRoot("with a shared pid namespace its leftover processes go too", async () => {
    await using c = await aContainer({
      config: {
        hostname: undefined,
        linux: { namespaces: namespaces("mount") },
        process: { args: ["sh", "-c", "sleep 1000 & echo ready"] },
      },
    });
    await c.becomes("stopped");
    const [left] = runtime.ps(c.context, c.id);
    await c.delete();
    await eventually(() => (readableExe(left!) ? undefined : true), "the rest to be gone");
  });

  asRoot("the same id can be used again", async () => {
    const id = freshName();
    for (let i = 0; i < 2; i++) {
      await using c = await aContainer({ id });
      expect(c.status).toBe("running");
    }
  });

  asRoot("an id that leads elsewhere: InvalidArgument", async () => {
    await expect(runtime.deleteContainer(aContext(), "../etc", { force: true })).rejects.toMatchObject({
      kind: "InvalidArgument",
    });
  });
});

describe("list — runc-list(8)", () => {
  asRoot("all containers below the root, and nothing else", async () => {
    await using a = await aContainer({ status: "created" });
    await using b = await aContainer();
    writeFileSync(join(stateRoot, "stray"), "");
    const listed = runtime.list(a.context).filter(({ id }) => [a.id, b.id].includes(id));
    rmSync(join(stateRoot, "stray"));
    expect(listed.map(({ id, status, pid }) => ({ id, status, pid }))).toEqual(
      [
        { id: a.id, status: "created", pid: a.pid },
        { id: b.id, status: "running", pid: b.pid },
      ].sort((x, y) => (x.id < y.id ? -1 : 1)),
    );
  });

  test("a root that is not there: an empty list", () => {
    expect(runtime.list(aContext([], { root: "/no/such/root" }))).toEqual([]);
  });

  asRoot("one that cannot be read is a warning", async () => {
    const id = freshName();
    mkdirSync(join(stateRoot, id), { recursive: true });
    writeFileSync(join(stateRoot, id, "state.json"), "{ broken");
    const log: string[] = [];
    expect(runtime.list(aContext(log)).map((c) => c.id)).not.toContain(id);
    expect(log.join("\n")).toMatch(/warning: .*state\.json/);
    rmSync(join(stateRoot, id), { recursive: true });
  });
});

describe("run — runc-run(8)", () => {
  asRoot("in the foreground: output, exit status, and nothing is left", async () => {
    const id = freshName();
    const { status, stdout, stderr } = await runBundle(
      { process: { args: ["sh", "-c", "echo out; echo err >&2; exit 5"] } },
      { id },
    );
    expect({ status, stdout, stderr }).toEqual({ status: { exited: 5 }, stdout: "out\n", stderr: "err\n" });
    expect(existsSync(join(stateRoot, id))).toBe(false);
  });

  asRoot("--detach returns as soon as the program runs", async () => {
    const id = freshName();
    await using bundle = await aBundle({ process: { args: ["sleep", "1000"] } });
    expect(await runtime.run(aContext(), id, { bundle: bundle.path, detach: true })).toBeUndefined();
    expect(runtime.state(aContext(), id).status).toBe("running");
    await runtime.deleteContainer(aContext(), id, { force: true });
  });

  asRoot("--keep leaves the stopped container", async () => {
    const id = freshName();
    await runBundle({ process: { args: ["true"] } }, { id, options: { keep: true } });
    expect(runtime.state(aContext(), id).status).toBe("stopped");
    await runtime.deleteContainer(aContext(), id, { force: false });
  });

  asRoot("a container that cannot be started is not left behind", async () => {
    const id = freshName();
    await expect(
      runBundle(
        { process: { args: ["/etc/garbage"] } },
        {
          id,
          files: { "etc/garbage": "\0garbage" },
          prepare: async (b) => (await import("node:fs")).chmodSync(`${b.rootfs}/etc/garbage`, 0o755),
        },
      ),
    ).rejects.toMatchObject({ name: "RuntError" });
    expect(existsSync(join(stateRoot, id))).toBe(false);
  });

  asRoot("many, one after the other, leave no fd behind", async () => {
    const { readdirSync } = await import("node:fs");
    await runBundle({ process: { args: ["true"] } });
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 10; i++) await runBundle({ process: { args: ["true"] } });
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 1);
  });

  asRoot("several at once do not disturb each other", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        runBundle({ process: { args: ["sh", "-c", `echo ${i}; exit ${i}`] } }),
      ),
    );
    expect(outcomes.map(({ stdout, status }) => [stdout.trim(), status])).toEqual(
      Array.from({ length: 6 }, (_, i) => [String(i), { exited: i }]),
    );
  });
});
