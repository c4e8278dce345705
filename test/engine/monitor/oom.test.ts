/** OOM kills, where there is a memory controller. */
import { describe, expect } from "vitest";
import type { MonitorEvent } from "../../../src/engine/monitor/attachment.ts";
import { needs } from "../../support/needs.ts";
import { aMonitored, eventually } from "./monitored.ts";

const withMemory = needs("root", "cgroup2", "memory controller");
const resources = { memory: { limit: 16 << 20, swap: 16 << 20 } };
/** Grows by doubling a string in busybox's shell. */
const glutton = "x=0123456789abcdef; while :; do x=$x$x; done";

describe("oom", () => {
  withMemory("init is killed: the record says why", async () => {
    await using c = await aMonitored({ script: glutton, config: { linux: { resources } } });
    await c.start();
    const exit = await c.exit();
    expect(exit.status).toMatchObject({ signal: 9 });
    expect(exit.oomKills).toBeGreaterThan(0);
  });

  withMemory("another process is killed: the container goes on, and who listens is told", async () => {
    await using c = await aMonitored({
      script: `sh -c '${glutton}'; echo survived; exec sleep 1000`,
      config: { linux: { resources } },
    });
    const events: MonitorEvent[] = [];
    const client = await c.client();
    await client.attach({ onEvent: (event) => events.push(event) });
    await c.start();
    await eventually(() => (c.logged("stdout").includes("survived") ? true : undefined), "the survivor");
    await eventually(() => (events.some((event) => event.type === "oom") ? true : undefined), "the event");
    expect((await client.status()).oomKills).toBeGreaterThan(0);
    expect((await client.status()).phase).toBe("running");
  });

  withMemory("who is killed by somebody is not taken for it", async () => {
    await using c = await aMonitored({ script: "exec sleep 1000", config: { linux: { resources } } });
    await c.start();
    process.kill(c.init, "SIGKILL");
    expect((await c.exit()).oomKills).toBe(0);
  });
});
