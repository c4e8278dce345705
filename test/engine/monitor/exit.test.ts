/** How it ended: the exit record, the exit command, and what is found when the monitor itself was killed. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { createMonitored } from "../../../src/engine/monitor/create.ts";
import { findMonitor } from "../../../src/engine/monitor/find.ts";
import { isAlive, readProcessStat } from "../../../src/linux/process.ts";
import * as runtime from "../../../src/runtime/index.ts";
import { namespaces } from "../../support/bundle.ts";
import { aMonitored, asRoot, eventually, type Monitored } from "./monitored.ts";

async function killed(c: Monitored, signal: number): Promise<void> {
  await runtime.kill(c.context, c.id, signal, { all: false });
}

describe("exit record", () => {
  asRoot("an exit status, with its times", async () => {
    const before = BigInt(Date.now()) * 1_000_000n;
    await using c = await aMonitored({ script: "sleep 0.2; exit 42" });
    await c.start();
    const exit = await c.exit();
    const after = BigInt(Date.now() + 1) * 1_000_000n;
    expect(exit).toMatchObject({
      status: { exited: 42 },
      executed: true,
      error: undefined,
      oomKills: 0,
      restartMs: undefined,
      log: { lostBytes: 0, error: undefined },
    });
    expect(exit.startedNs).toBeGreaterThan(before);
    expect(exit.finishedNs - exit.startedNs).toBeGreaterThan(100_000_000n);
    expect(exit.finishedNs).toBeLessThan(after);
    expect(statSync(join(c.directory, "exit")).mode & 0o777).toBe(0o600);
  });

  asRoot("a signal", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000" });
    await c.start();
    await killed(c, 9);
    expect((await c.exit()).status).toEqual({ signaled: "SIGKILL", signal: 9 });
  });

  asRoot("a container that was never started", async () => {
    await using c = await aMonitored();
    await killed(c, 9);
    expect(await c.exit()).toMatchObject({ executed: false, startedNs: 0n, status: { signal: 9 } });
  });

  asRoot("a program that is not there: start says so, and the record does too", async () => {
    await using c = await aMonitored({ script: "exit 0" });
    renameSync(join(c.bundle.rootfs, "bin/busybox"), join(c.bundle.rootfs, "bin/gone"));
    await expect(c.start()).rejects.toMatchObject({ kind: "NotFound" });
    expect(await c.exit()).toMatchObject({ executed: false, error: "ENOENT" });
  });

  asRoot("the log is whole when the record is there", async () => {
    for (let i = 0; i < 10; i++) {
      await using c = await aMonitored({ script: "head -c 60000 /dev/zero | tr '\\0' e" });
      await c.start();
      await c.exit();
      expect(c.logged("stdout").length).toBe(60_000);
    }
  });

  asRoot("what the last run left is gone when there is a new one", async () => {
    await using first = await aMonitored({ script: "exit 1" });
    await first.start();
    await first.exit();
    await first.gone();
    await runtime.deleteContainer(first.context, first.id, { force: true });
    await createMonitored(first.context, first.id, {
      bundle: first.bundle.path,
      monitor: {
        directory: first.directory,
        oomScoreAdj: 0,
        input: "none",
        log: undefined,
        exitCommand: undefined,
        restart: { on: "never", soonMs: 0, laterMs: 0, longRunMs: 0 },
        health: undefined,
      },
    });
    const found = await findMonitor(first.directory);
    expect(found).toMatchObject({ state: "alive", exit: undefined });
    if (found.state !== "alive") return;
    // Its end is waited for, too: it writes to what is removed then.
    first.pid = (await found.client.status()).monitor;
    found.client[Symbol.dispose]();
  });

  asRoot("a process that outlives init and holds the pipe does not hold up the record", async () => {
    await using c = await aMonitored({
      script: "(sleep 1000 &) ; echo said; exit 6",
      config: { linux: { namespaces: namespaces("mount", "uts") } },
    });
    await c.start();
    expect((await c.exit()).status).toEqual({ exited: 6 });
    expect(c.logged("stdout").toString()).toBe("said\n");
    await runtime.kill(c.context, c.id, 9, { all: true });
  });
});

describe("the monitor", () => {
  asRoot("is nobody's child, and has nothing open that it does not need", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000" });
    await c.start();
    const stat = readProcessStat(c.pid)!;
    expect(stat.parent).not.toBe(process.pid);
    expect(readProcessStat(c.init)!.parent).toBe(c.pid);
    // It closes what it no longer needs when the program has begun, which may be a moment after `start` is through.
    await eventually(() => {
      try {
        const open = readdirSync(`/proc/${c.pid}/fd`).map((fd) => readlinkSync(`/proc/${c.pid}/fd/${fd}`));
        return open.some((target) => /memfd|fifo|cgroup(?!.*memory\.events$)/.test(target))
          ? undefined
          : true;
      } catch {
        return undefined;
      }
    }, "only what it needs to be open");
    expect(readlinkSync(`/proc/${c.pid}/cwd`)).toBe("/");
  });

  asRoot("reaps what becomes its child", async () => {
    await using c = await aMonitored({
      script: "i=0; while [ $i -lt 20 ]; do (sleep 0.01 &); i=$((i+1)); done; echo done; exec sleep 1000",
      config: { linux: { namespaces: namespaces("mount", "uts") } },
    });
    await c.start();
    await eventually(() => (c.logged("stdout").length > 0 ? true : undefined), "the last of them");
    const children = () => readFileSync(`/proc/${c.pid}/task/${c.pid}/children`, "utf8").trim().split(" ");
    await expect.poll(children).toEqual([String(c.init)]);
    await runtime.kill(c.context, c.id, 9, { all: true });
  });

  asRoot("killed: the container dies with it, and the next command finds it lost", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000" });
    await c.start();
    const { startTime } = readProcessStat(c.init)!;
    const attached = await (await c.client()).attach({ stdout: true });
    process.kill(c.pid, "SIGKILL");
    await eventually(() => (isAlive(c.init, startTime) ? undefined : true), "init to die");
    await expect(attached.exited).rejects.toMatchObject({ kind: "Unavailable" });
    expect(await findMonitor(c.directory)).toEqual({ state: "lost" });
    expect(runtime.state(c.context, c.id).status).toBe("stopped");
  });

  const users = {
    "another user": { process: { user: { uid: 1000, gid: 1000 } } },
    "a user with capabilities": {
      process: {
        user: { uid: 1000, gid: 1000 },
        capabilities: Object.fromEntries(
          ["bounding", "effective", "permitted", "inheritable", "ambient"].map((set) => [set, ["CAP_KILL"]]),
        ),
      },
    },
    "a user namespace": {
      linux: {
        namespaces: namespaces("pid", "mount", "ipc", "uts", "network", "user"),
        uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
        gidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
      },
    },
  };
  for (const [name, config] of Object.entries(users)) {
    asRoot(`killed: the container dies with it, as ${name} too`, async () => {
      await using c = await aMonitored({ script: "exec sleep 1000", config });
      await c.start();
      const { startTime } = readProcessStat(c.init)!;
      process.kill(c.pid, "SIGKILL");
      await eventually(() => (isAlive(c.init, startTime) ? undefined : true), "init to die");
    });
  }

  asRoot("killed before start: the same", async () => {
    await using c = await aMonitored();
    const { startTime } = readProcessStat(c.init)!;
    process.kill(c.pid, "SIGKILL");
    await eventually(() => (isAlive(c.init, startTime) ? undefined : true), "init to die");
    await expect(c.start()).rejects.toMatchObject({ kind: "FailedPrecondition" });
    expect(await findMonitor(c.directory)).toEqual({ state: "lost" });
  });

  asRoot("takes no notice of signals", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000" });
    await c.start();
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGPIPE"] as const)
      process.kill(c.pid, signal);
    expect((await (await c.client()).status()).phase).toBe("running");
  });
});

describe("exit command", () => {
  asRoot("gets its words, signals and streams as usual, and what it says is kept", async () => {
    const directory = mkdtempSync("/tmp/runt-test-exit-");
    try {
      await using c = await aMonitored({
        script: "exit 9",
        monitor: {
          exitCommand: {
            argv: [
              "/bin/sh",
              "-c",
              'echo "$0 $1 $KEY" >&2; grep -E "^Sig(Blk|Ign)" /proc/self/status >&2; pwd >&2; umask >&2',
              "zero",
              "one",
            ],
            env: ["KEY=value", "PATH=/bin:/usr/bin"],
            errors: join(directory, "errors"),
          },
        },
      });
      await c.start();
      await c.gone();
      const text = readFileSync(join(directory, "errors"), "utf8");
      expect(text).toBe("zero one value\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n/\n0022\n");
      expect((await c.exit()).status).toEqual({ exited: 9 });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  asRoot("one that is not there leaves the record as it is", async () => {
    await using c = await aMonitored({
      script: "exit 9",
      monitor: { exitCommand: { argv: ["/not/there"], env: [], errors: undefined } },
    });
    await c.start();
    await c.gone();
    expect(await findMonitor(c.directory)).toMatchObject({ state: "ended", exit: { status: { exited: 9 } } });
  });

  asRoot("without words there is no container", async () => {
    await expect(
      aMonitored({ monitor: { exitCommand: { argv: [], env: [], errors: undefined } } }),
    ).rejects.toMatchObject({ kind: "InvalidArgument" });
  });
});

describe("restart", () => {
  asRoot("the exit command comes after the wait, and can make the container again", async () => {
    const directory = mkdtempSync("/tmp/runt-test-again-");
    try {
      await using c = await aMonitored({
        script: "exit 1",
        monitor: {
          restart: { on: "always", soonMs: 1, laterMs: 300, longRunMs: 3_600_000 },
          exitCommand: {
            argv: ["/bin/sh", "-c", 'date +%s%N > "$0"', join(directory, "time")],
            env: ["PATH=/bin:/usr/bin"],
            errors: undefined,
          },
        },
      });
      await c.start();
      const { finishedNs } = await c.exit();
      await c.gone();
      const ran = BigInt(readFileSync(join(directory, "time"), "utf8").trim());
      expect(ran - finishedNs).toBeGreaterThan(290_000_000n);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  const restarting = (on: "always" | "onFailure" | "never", laterMs: number) => ({
    restart: { on, soonMs: 1, laterMs, longRunMs: 3_600_000 },
    exitCommand: { argv: ["/bin/true"], env: [], errors: undefined },
  });

  for (const [on, script, expected] of [
    ["always", "exit 0", 50],
    ["always", "exit 1", 50],
    ["onFailure", "exit 0", undefined],
    ["onFailure", "exit 1", 50],
    ["never", "exit 1", undefined],
  ] as const) {
    asRoot(`${on}, after "${script}": ${expected === undefined ? "the end" : "again"}`, async () => {
      await using c = await aMonitored({ script, monitor: restarting(on, 50) });
      await c.start();
      expect((await c.exit()).restartMs).toBe(expected);
      await c.gone();
    });
  }

  asRoot("onFailure, after a signal: again", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000", monitor: restarting("onFailure", 50) });
    await c.start();
    await killed(c, 9);
    expect((await c.exit()).restartMs).toBe(50);
    await c.gone();
  });

  asRoot("after a long run the wait is the short one", async () => {
    await using c = await aMonitored({
      script: "sleep 0.3",
      monitor: { restart: { on: "always", soonMs: 7, laterMs: 60_000, longRunMs: 100 } },
    });
    await c.start();
    expect((await c.exit()).restartMs).toBe(7);
    await c.gone();
  });

  asRoot("while it waits the monitor answers, and a change of mind ends the wait", async () => {
    await using c = await aMonitored({ script: "exit 1", monitor: restarting("always", 3_600_000) });
    await c.start();
    await c.exit();
    const client = await c.client();
    await expect.poll(async () => (await client.status()).phase).toBe("restarting");
    const status = await client.status();
    expect(status).toMatchObject({ init: 0, phase: "restarting" });
    expect(Number(status.restartAtNs! / 1_000_000n) - Date.now()).toBeGreaterThan(3_000_000);
    await client.setRestart("never");
    await c.gone();
    expect((await c.exit()).restartMs).toBe(undefined);
  });

  asRoot("a stop that is asked for is the end, whatever the policy", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000", monitor: restarting("always", 3_600_000) });
    await c.start();
    await (await c.client()).setRestart("never");
    await killed(c, 9);
    expect((await c.exit()).restartMs).toBe(undefined);
    await c.gone();
  });

  asRoot("a program that cannot be run is not started again", async () => {
    await using c = await aMonitored({ monitor: restarting("always", 3_600_000) });
    renameSync(join(c.bundle.rootfs, "bin/busybox"), join(c.bundle.rootfs, "bin/gone"));
    await expect(c.start()).rejects.toThrow();
    expect((await c.exit()).restartMs).toBe(undefined);
    await c.gone();
    expect(existsSync(c.directory)).toBe(true);
  });
});
