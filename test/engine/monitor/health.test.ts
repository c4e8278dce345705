/** Health checks: when they run, what counts, what is kept. Times are short; nothing here asserts how short. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import type { MonitorEvent } from "../../../src/engine/monitor/attachment.ts";
import { readHealth } from "../../../src/engine/monitor/records.ts";
import type { HealthRequest } from "../../../src/runtime/plan/monitor.ts";
import { ended } from "../../support/processes.ts";
import { aMonitored, asRoot, eventually, type Monitored } from "./monitored.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync("/tmp/runt-test-health-");
});
afterEach(async () => {
  // A check that was killed with its container may still be about to write there.
  await ended(directory);
  rmSync(directory, { recursive: true });
});

/** A container that waits, checked by a script of the host that finds `directory` in $0. */
function checked(script: string, changes: Partial<HealthRequest> = {}): Promise<Monitored> {
  return aMonitored({
    script: "exec sleep 1000",
    monitor: {
      health: {
        argv: ["/bin/sh", "-c", script, directory],
        env: ["PATH=/bin:/usr/bin"],
        intervalMs: 30,
        timeoutMs: 20_000,
        retries: 3,
        startPeriodMs: 0,
        startIntervalMs: 0,
        ...changes,
      },
    },
  });
}

const becomes = (c: Monitored, status: string) =>
  eventually(() => (readHealth(c.directory)?.status === status ? true : undefined), status);

describe("health", () => {
  asRoot("none before start, starting until the first check has passed, then healthy", async () => {
    await using c = await checked('while [ ! -e "$0/go" ]; do sleep 0.02; done');
    const client = await c.client();
    expect((await client.status()).health.status).toBe("none");
    await c.start();
    await eventually(() => readHealth(c.directory), "a record");
    expect(readHealth(c.directory)!.status).toBe("starting");
    expect((await client.status()).health.status).toBe("starting");
    writeFileSync(join(directory, "go"), "");
    await becomes(c, "healthy");
    expect((await client.status()).health).toEqual({ status: "healthy", failures: 0 });
  });

  asRoot("unhealthy after so many failures in a row, and healthy again after one success", async () => {
    await using c = await checked('echo "checked"; test -e "$0/well"', { retries: 3 });
    const events: MonitorEvent[] = [];
    await (await c.client()).attach({ onEvent: (event) => events.push(event) });
    await c.start();
    await becomes(c, "unhealthy");
    const { failures, checks } = readHealth(c.directory)!;
    expect(failures).toBeGreaterThanOrEqual(3);
    expect(checks.at(-1)).toMatchObject({ status: { exited: 1 }, timedOut: false });
    expect(checks.at(-1)!.output.toString()).toBe("checked\n");
    writeFileSync(join(directory, "well"), "");
    await becomes(c, "healthy");
    expect(readHealth(c.directory)!.failures).toBe(0);
    await eventually(() => (events.length >= 2 ? true : undefined), "events");
    expect(events.map((event) => event.type === "health" && event.status)).toEqual(["unhealthy", "healthy"]);
  });

  asRoot("a change is told with what it was, however late that is read", async () => {
    const tell = 'while [ ! -e "$0/go" ]; do sleep 0.02; done; echo "$1" >> "$0/changes"';
    const change = { argv: ["/bin/sh", "-c", tell, directory], env: ["PATH=/bin:/usr/bin"] };
    await using c = await checked('test -e "$0/well"', { retries: 1, change });
    await c.start();
    await becomes(c, "unhealthy");
    writeFileSync(join(directory, "well"), "");
    await becomes(c, "healthy");
    writeFileSync(join(directory, "go"), "");
    const told = await eventually(() => {
      const lines =
        existsSync(join(directory, "changes")) && readFileSync(join(directory, "changes"), "utf8");
      return lines && lines.split("\n").length > 2 ? lines : undefined;
    }, "both changes");
    expect(told.trim().split("\n").sort()).toEqual(["healthy", "unhealthy"]);
  });

  asRoot("failures in the start period do not count; a success in it does", async () => {
    await using c = await checked('echo x >> "$0/checks"; test -e "$0/well"', {
      retries: 1,
      intervalMs: 3_600_000,
      startPeriodMs: 3_600_000,
      startIntervalMs: 20,
    });
    await c.start();
    const count = (): number =>
      existsSync(join(directory, "checks")) ? readFileSync(join(directory, "checks")).length / 2 : 0;
    await eventually(() => (count() >= 5 ? true : undefined), "five checks");
    expect(readHealth(c.directory)).toMatchObject({ status: "starting", failures: 0 });
    writeFileSync(join(directory, "well"), "");
    await becomes(c, "healthy");
  });

  asRoot("a check that takes too long is killed with all its processes, and has failed", async () => {
    await using c = await checked('sleep 1000 & echo $! > "$0/pid"; echo begun; wait', {
      timeoutMs: 200,
      retries: 1,
      intervalMs: 20,
    });
    await c.start();
    await becomes(c, "unhealthy");
    // A machine that is busy may not let it come as far as that each time.
    const check = await eventually(
      () => readHealth(c.directory)!.checks.find(({ output }) => output.length > 0),
      "a check that has begun",
    );
    expect(check).toMatchObject({ timedOut: true, status: { signal: 9 } });
    expect(check.output.toString()).toBe("begun\n");
  });

  asRoot("five checks are kept, and 4096 bytes of each", async () => {
    await using c = await checked("head -c 100000 /dev/zero | tr '\\0' h; echo >&2");
    await c.start();
    await eventually(() => ((readHealth(c.directory)?.checks.length ?? 0) >= 5 ? true : undefined), "five");
    const { checks } = readHealth(c.directory)!;
    expect(checks.length).toBe(5);
    for (const { output } of checks) expect(output.equals(Buffer.alloc(4096, "h"))).toBe(true);
  });

  asRoot("a command that is not there is a failure", async () => {
    await using c = await checked("", { argv: ["/not/there"], retries: 2 });
    await c.start();
    await becomes(c, "unhealthy");
    expect(readHealth(c.directory)!.checks.at(-1)!.status).toEqual({ exited: 127 });
  });

  asRoot("a check that runs when the container ends does not keep it", async () => {
    await using c = await aMonitored({
      script: "sleep 0.3; exit 4",
      monitor: {
        health: {
          argv: ["/bin/sleep", "1000"],
          env: [],
          intervalMs: 10,
          timeoutMs: 3_600_000,
          retries: 1,
          startPeriodMs: 0,
          startIntervalMs: 0,
        },
      },
    });
    await c.start();
    expect((await c.exit()).status).toEqual({ exited: 4 });
    await c.gone();
  });

  asRoot("by hand, asked for the moment it has started: is made, however soon that is", async () => {
    for (let round = 0; round < 15; round++) {
      await using c = await checked("exit 0", { intervalMs: 3_600_000 });
      const client = await c.client();
      await c.start();
      await client.check();
      expect(readHealth(c.directory)).toMatchObject({ status: "healthy", checks: [{}] });
    }
  });

  asRoot("asked for, it runs at once and counts; who asks meanwhile gets the same one", async () => {
    await using c = await checked('echo x >>"$0/ran"; while [ -e "$0/hold" ]; do sleep 0.02; done', {
      intervalMs: 3_600_000,
    });
    await c.start();
    const ran = (): number => readFileSync(join(directory, "ran"), "utf8").length / 2;
    const client = await c.client();
    await client.check();
    expect(readHealth(c.directory)).toMatchObject({ status: "healthy", checks: [{ status: { exited: 0 } }] });
    writeFileSync(join(directory, "hold"), "");
    const both = [client.check(), (await c.client()).check()];
    await eventually(() => (ran() === 2 ? true : undefined), "the second check");
    // Others have their answers, and one that has hung up is missed by nobody.
    const other = await c.client();
    other.check().catch(() => {});
    expect((await (await c.client()).status()).phase).toBe("running");
    other[Symbol.dispose]();
    rmSync(join(directory, "hold"));
    await Promise.all(both);
    expect(ran()).toBe(2);
    expect(readHealth(c.directory)!.checks.length).toBe(2);
  });

  asRoot("asked for where there is none, or while the container ends, it is an error", async () => {
    await using none = await aMonitored({ script: "exec sleep 1000" });
    await none.start();
    await expect((await none.client()).check()).rejects.toMatchObject({ code: "ENOENT" });
    await using c = await checked("exec sleep 1000", { intervalMs: 3_600_000 });
    const client = await c.client();
    await expect(client.check()).rejects.toMatchObject({ code: "ESRCH" });
    await c.start();
    const checking = client.check();
    process.kill(c.init, "SIGKILL");
    await expect(checking).rejects.toMatchObject({ code: "ESRCH" });
  });

  asRoot("an interval of nothing is refused", async () => {
    await expect(checked("", { intervalMs: 0 })).rejects.toMatchObject({ kind: "InvalidArgument" });
  });
});
