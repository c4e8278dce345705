import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { hierarchy } from "../../src/runtime/cgroup/hierarchy.ts";
import * as runtime from "../../src/runtime/index.ts";
import { readConfig } from "../../src/spec/runtime/config.ts";
import type { LinuxResources } from "../../src/spec/runtime/resources.ts";
import { type Json, usualConfig } from "../support/bundle.ts";
import { aContainer, type Container, eventually, probeIn, refusal } from "../support/container.ts";
import { asRoot, needs } from "../support/needs.ts";

/** Resources as the command line hands them over: read, with defaults. */
function resourcesOf(resources: Json): LinuxResources {
  const config = usualConfig();
  config.linux.resources = resources;
  return readConfig(config, "test").linux.resources;
}

function file(c: Container, name: string): string {
  return readFileSync(`${hierarchy().mountPoint}${c.bundle.config.linux.cgroupsPath}/${name}`, "utf8").trim();
}

/** How often a busy loop has been round. */
const counting = {
  process: { args: ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"] },
};

describe("pause and resume — runc-pause(8), runc-resume(8)", () => {
  asRoot("a created container can be paused, and does not start until it is resumed", async () => {
    await using c = await aContainer({ status: "created" });
    await runtime.pause(c.context, c.id);
    expect(c.status).toBe("paused");
    await expect(runtime.start(c.context, c.id)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "container paused",
    });
    await runtime.resume(c.context, c.id);
    expect(c.status).toBe("created");
    await runtime.start(c.context, c.id);
    expect(c.status).toBe("running");
  });

  asRoot("a paused container does nothing, a resumed one goes on", async () => {
    await using c = await aContainer({ config: counting });
    await c.said(/3/);
    await runtime.pause(c.context, c.id);
    expect(c.status).toBe("paused");
    const before = c.stdout;
    await sleep(150);
    expect(c.stdout).toBe(before);
    await runtime.resume(c.context, c.id);
    expect(c.status).toBe("running");
    await eventually(() => (c.stdout.length > before.length ? true : undefined), "more output");
  });

  asRoot("pausing twice, resuming what runs: refused", async () => {
    await using c = await aContainer();
    await expect(runtime.resume(c.context, c.id)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "container not paused",
    });
    await runtime.pause(c.context, c.id);
    await expect(runtime.pause(c.context, c.id)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "container paused",
    });
  });

  asRoot("a stopped container: refused", async () => {
    await using c = await aContainer({ status: "stopped" });
    await expect(runtime.pause(c.context, c.id)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "container not running",
    });
    await expect(runtime.resume(c.context, c.id)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: "container not paused",
    });
  });
});

describe("ps — runc-ps(8)", () => {
  asRoot("pids of all processes, as the host counts them", async () => {
    await using c = await aContainer({
      config: { process: { args: ["sh", "-c", "sleep 1000 & sleep 1000 & echo up; wait"] } },
    });
    await c.said(/up/);
    const pids = await eventually(() => {
      const all = runtime.ps(c.context, c.id);
      return all.length === 3 ? all : undefined;
    }, "three processes");
    expect(pids).toContain(c.pid);
  });

  asRoot("a stopped container has none", async () => {
    await using c = await aContainer({ status: "stopped" });
    expect(runtime.ps(c.context, c.id)).toEqual([]);
  });
});

describe("linux.cgroupsPath — runtime-spec config-linux.md#cgroups-path", () => {
  asRoot("an absolute path is below the cgroup mount", async () => {
    await using c = await aContainer();
    expect(readFileSync(`/proc/${c.pid}/cgroup`, "latin1")).toContain(
      `0::${c.bundle.config.linux.cgroupsPath}\n`,
    );
  });

  asRoot("the cgroup goes with the container", async () => {
    const c = await aContainer();
    const directory = `${hierarchy().mountPoint}${c.bundle.config.linux.cgroupsPath}`;
    expect(existsSync(directory)).toBe(true);
    await c[Symbol.asyncDispose]();
    expect(existsSync(directory)).toBe(false);
  });

  asRoot("one that is in use: refused, and the other container is untouched", async () => {
    await using c = await aContainer();
    const error = await refusal({ linux: { cgroupsPath: c.bundle.config.linux.cgroupsPath } });
    expect(error).toMatchObject({ name: "RuntError", kind: "FailedPrecondition" });
    expect(error.message).toMatch(/container's cgroup is not empty: 1 process/);
    expect(c.status).toBe("running");
    expect(existsSync(`${hierarchy().mountPoint}${c.bundle.config.linux.cgroupsPath}`)).toBe(true);
  });
});

describe("resources — runtime-spec config-linux.md#control-groups", () => {
  asRoot("devices: what is not allowed cannot be opened", async () => {
    const resources = { devices: [{ allow: false, access: "rwm" }] };
    const devices = [{ path: "/dev/loopcontrol", type: "c", major: 10, minor: 237, fileMode: 0o666 }];
    const report = await probeIn({ linux: { resources, devices } }, ["/dev/loopcontrol", "/dev/null"]);
    expect(report.paths["/dev/loopcontrol"]!.read).toBe(-1);
    expect(report.paths["/dev/null"]).toMatchObject({ read: 0, write: 0 });
  });

  asRoot("devices: a rule opens one, for reading alone", async () => {
    const resources = {
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, type: "c", major: 10, minor: 229, access: "r" },
      ],
    };
    const devices = [{ path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666 }];
    const report = await probeIn({ linux: { resources, devices } }, ["/dev/fuse"]);
    expect(report.paths["/dev/fuse"]!.write).toBe(-1);
    expect(report.paths["/dev/fuse"]!.read).not.toBe(-1);
  });

  needs(
    "root",
    "cgroup2",
    "no memory controller",
  )("a limit whose controller is missing: an error that names it", async () => {
    const error = await refusal({ linux: { resources: { memory: { limit: 64 << 20 } } } });
    expect(error).toMatchObject({ name: "RuntError" });
    expect(error.message).toMatch(/memory/);
  });

  needs(
    "root",
    "cgroup2",
    "memory controller",
  )("memory, swap, reservation", async () => {
    const limit = 64 << 20;
    const memory = { limit, swap: 2 * limit, reservation: limit / 2 };
    await using c = await aContainer({ config: { linux: { resources: { memory } } } });
    expect(file(c, "memory.max")).toBe(String(limit));
    expect(file(c, "memory.low")).toBe(String(limit / 2));
    if (existsSync(`${hierarchy().mountPoint}${c.bundle.config.linux.cgroupsPath}/memory.swap.max`)) {
      expect(file(c, "memory.swap.max")).toBe(String(limit));
    }
  });

  needs(
    "root",
    "cgroup2",
    "pids controller",
  )("pids: a limit that processes run into", async () => {
    await using c = await aContainer({
      config: {
        linux: { resources: { pids: { limit: 3 } } },
        process: { args: ["sh", "-c", "sleep 9 & sleep 9 & sleep 9 & echo no"] },
      },
    });
    expect(file(c, "pids.max")).toBe("3");
    await eventually(() => (/fork/.test(c.stderr) ? true : undefined), "fork to fail");
  });

  needs(
    "root",
    "cgroup2",
    "cpu controller",
  )("cpu: shares, quota and period", async () => {
    await using c = await aContainer({
      config: { linux: { resources: { cpu: { shares: 1024, quota: 20000, period: 50000 } } } },
    });
    expect(file(c, "cpu.weight")).toBe("100");
    expect(file(c, "cpu.max")).toBe("20000 50000");
  });

  needs(
    "root",
    "cgroup2",
    "memory controller",
  )("unified goes to the file of that name", async () => {
    await using c = await aContainer({
      config: { linux: { resources: { unified: { "memory.high": "50331648" } } } },
    });
    expect(file(c, "memory.high")).toBe("50331648");
  });
});

describe("update — runc-update(8)", () => {
  needs(
    "root",
    "cgroup2",
    "memory controller",
  )("changes what it names and leaves the rest", async () => {
    const limit = 64 << 20;
    await using c = await aContainer({
      config: { linux: { resources: { memory: { limit }, pids: { limit: 50 } } } },
    });
    await runtime.update(c.context, c.id, resourcesOf({ pids: { limit: 20 } }));
    expect(file(c, "pids.max")).toBe("20");
    expect(file(c, "memory.max")).toBe(String(limit));
    await runtime.update(c.context, c.id, resourcesOf({ memory: { limit: -1 } }));
    expect(file(c, "memory.max")).toBe("max");
  });

  asRoot("a stopped container: refused", async () => {
    await using c = await aContainer({ status: "stopped" });
    await expect(runtime.update(c.context, c.id, resourcesOf({ pids: { limit: 20 } }))).rejects.toMatchObject(
      {
        kind: "FailedPrecondition",
        message: "container not running",
      },
    );
  });

  needs(
    "root",
    "cgroup2",
    "no memory controller",
  )("a controller that is missing: an error that names it", async () => {
    await using c = await aContainer();
    const error = await runtime
      .update(c.context, c.id, resourcesOf({ memory: { limit: 1 << 26 } }))
      .catch((cause: Error) => cause);
    expect(error).toMatchObject({ name: "RuntError" });
    expect((error as Error).message).toMatch(/memory/);
    expect(c.status).toBe("running");
  });
});

describe("events and stats — runc-events(8)", () => {
  asRoot("--stats: one object, as runc writes it", async () => {
    await using c = await aContainer();
    const event = (await runtime.stats(c.context, c.id)) as Json;
    expect(event).toMatchObject({ type: "stats", id: c.id });
    expect(event.data).toMatchObject({
      cpu: { usage: { total: expect.any(Number) } },
      memory: expect.any(Object),
      pids: expect.any(Object),
    });
  });

  asRoot("an event at each interval, until the container ends", async () => {
    await using c = await aContainer();
    const seen: string[] = [];
    for await (const event of runtime.events(c.context, c.id, { intervalMs: 50 })) {
      seen.push(event.type);
      if (seen.length === 3) await c.kill(9);
    }
    expect(seen.slice(0, 3)).toEqual(["stats", "stats", "stats"]);
    await c.becomes("stopped");
  });

  asRoot("the signal ends them", async () => {
    await using c = await aContainer();
    const abort = new AbortController();
    let count = 0;
    for await (const _ of runtime.events(c.context, c.id, { intervalMs: 10, signal: abort.signal })) {
      if (++count === 2) abort.abort();
    }
    expect(count).toBe(2);
    expect(c.status).toBe("running");
  });

  needs(
    "root",
    "cgroup2",
    "memory controller",
  )("a kill for want of memory is an oom event", async () => {
    const greedy = "x=x; while :; do x=$x$x; done";
    await using c = await aContainer({
      status: "created",
      config: {
        linux: { resources: { memory: { limit: 16 << 20, swap: 16 << 20 } } },
        // It goes on as the watch does.
        process: {
          args: ["sh", "-c", `while [ ! -e /go ]; do sleep 0.05; done; sh -c '${greedy}'; sleep 60`],
        },
      },
    });
    await c.start();
    const types: string[] = [];
    for await (const event of runtime.events(c.context, c.id, { intervalMs: 60_000 })) {
      types.push(event.type);
      if (event.type === "oom") break;
      writeFileSync(join(c.bundle.rootfs, "go"), "");
    }
    expect(types).toContain("oom");
  });

  asRoot("a stopped container: refused", async () => {
    await using c = await aContainer({ status: "stopped" });
    await expect(runtime.stats(c.context, c.id)).rejects.toMatchObject({
      kind: "FailedPrecondition",
      message: expect.stringContaining("container not running"),
    });
  });
});
