/** Limits of whole containers, as the kernel keeps to them: what cannot be seen in a file. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { hierarchy } from "../../../src/runtime/cgroup/hierarchy.ts";
import * as runtime from "../../../src/runtime/index.ts";
import { freshName, type Json } from "../../support/bundle.ts";
import { aContainer, type Container, eventually, refusal, runBundle } from "../../support/container.ts";
import { skipWithout } from "./skip.ts";

function directoryOf(c: Container): string {
  return `${hierarchy().mountPoint}${c.bundle.config.linux.cgroupsPath}`;
}

const namespaces = (...types: string[]): Json => types.map((type) => ({ type }));

describe("a fork bomb", () => {
  skipWithout("root", "cgroup2", "pids controller");
  // Each process forks as fast as it can and never ends by itself.
  const bomb = {
    process: { args: ["sh", "-c", "b() { b & b & while :; do :; done; }; echo go; b 2>/dev/null"] },
  };
  for (const [what, more] of [
    ["with a pid namespace", {}],
    ["without", { linux: { namespaces: namespaces("mount", "ipc", "uts", "network", "cgroup") } }],
  ] as const) {
    test(`${what}: stays below pids.max, and kill --all ends it while it runs`, {
      timeout: 120_000,
    }, async () => {
      const limit = { linux: { resources: { pids: { limit: 40 } } } };
      const linux = { ...(more as { linux?: object }).linux, ...limit.linux };
      await using c = await aContainer({ config: { ...bomb, linux } });
      const read = (file: string): string => readFileSync(`${directoryOf(c)}/${file}`, "utf8").trim();
      await eventually(
        () => (Number(/max (\d+)/.exec(read("pids.events"))?.[1]) > 0 ? true : undefined),
        "the limit",
      );
      expect(Number(read("pids.current"))).toBeLessThanOrEqual(40);
      await runtime.kill(c.context, c.id, 9, { all: true });
      await eventually(
        () => (/populated 0/.test(read("cgroup.events")) ? true : undefined),
        "the end of all",
      );
      expect(read("cgroup.procs")).toBe("");
    });
  }

  test("delete --force ends it too", { timeout: 120_000 }, async () => {
    const c = await aContainer({ config: { ...bomb, linux: { resources: { pids: { limit: 40 } } } } });
    const directory = directoryOf(c);
    await eventually(
      () => (readFileSync(`${directory}/cgroup.procs`, "utf8").split("\n").length > 20 ? true : undefined),
      "many processes",
    );
    await runtime.deleteContainer(c.context, c.id, { force: true });
    expect(existsSync(directory)).toBe(false);
    await c[Symbol.asyncDispose]();
  });
});

describe("delegation to a container with a user namespace — config-linux.md#cgroup-ownership", () => {
  skipWithout("root", "cgroup2", "pids controller");
  test("its root divides the cgroup, and stays within the limits from above", async () => {
    const script = `
      set -e
      cd /sys/fs/cgroup
      mkdir own below
      echo $$ > own/cgroup.procs
      echo +pids > cgroup.subtree_control
      echo 3 > below/pids.max
      echo below: $(cat below/pids.max)
      cat /proc/self/cgroup
      if echo 1000 > pids.max; then echo raised; else echo kept; fi 2>/dev/null
      if mkdir ../escape; then echo escaped; else echo inside; fi 2>/dev/null
      echo $$ > cgroup.procs 2>/dev/null || true
    `;
    const mount = {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["rw", "nosuid", "noexec", "nodev"],
    };
    const ids = [{ containerID: 0, hostID: 300000, size: 65536 }];
    const { stdout, stderr } = await runBundle({
      process: { args: ["sh", "-c", script] },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
        { destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro", "nosuid", "noexec", "nodev"] },
        mount,
      ],
      linux: {
        namespaces: namespaces("pid", "mount", "ipc", "uts", "network", "cgroup", "user"),
        uidMappings: ids,
        gidMappings: ids,
        resources: { pids: { limit: 50 } },
      },
    });
    expect(stderr).toBe("");
    expect(stdout).toBe("below: 3\n0::/own\nkept\ninside\n");
  });
});

describe("parents that can have no containers — cgroups(7), thread mode", () => {
  skipWithout("root", "cgroup2", "memory controller");
  test("a memory limit below a threaded cgroup: refused, and nothing stays", async () => {
    const top = `${hierarchy().mountPoint}/${freshName()}`;
    mkdirSync(`${top}/threaded`, { recursive: true });
    try {
      writeFileSync(`${top}/threaded/cgroup.type`, "threaded");
      const cgroupsPath = `${top.slice(hierarchy().mountPoint.length)}/threaded/c`;
      const error = await refusal({ linux: { cgroupsPath, resources: { memory: { limit: 1 << 26 } } } });
      expect(error).toMatchObject({ name: "RuntError" });
      expect(error.message).toMatch(/threaded/);
      expect(existsSync(`${top}/threaded/c`)).toBe(false);
    } finally {
      for (const path of [`${top}/threaded`, top]) rmdirSync(path);
    }
  });

  test("a domain that became invalid by a threaded sibling is made threaded, or refused with its name", async () => {
    const top = `${hierarchy().mountPoint}/${freshName()}`;
    mkdirSync(`${top}/a`, { recursive: true });
    mkdirSync(`${top}/invalid`);
    try {
      writeFileSync(`${top}/a/cgroup.type`, "threaded");
      expect(readFileSync(`${top}/invalid/cgroup.type`, "utf8")).toBe("domain invalid\n");
      const cgroupsPath = `${top.slice(hierarchy().mountPoint.length)}/invalid/c`;
      const outcome = await runBundle({
        process: { args: ["cat", "/proc/self/cgroup"] },
        linux: { cgroupsPath, namespaces: namespaces("pid", "mount", "ipc", "uts", "network") },
      }).catch((error: Error) => error);
      if (outcome instanceof Error) expect(outcome.message).toMatch(/threaded|domain invalid/);
      else expect(outcome.stdout).toContain(cgroupsPath);
      expect(existsSync(`${top}/invalid/c`)).toBe(false);
    } finally {
      for (const path of [`${top}/a`, `${top}/invalid`, top]) rmdirSync(path);
    }
  });

  test("parents ten levels deep that are missing are made, with their controllers, and the leaf goes", async () => {
    const name = freshName();
    const deep = Array.from({ length: 10 }, (_, i) => `l${i}`).join("/");
    const cgroupsPath = `/${name}/${deep}/c`;
    const { stdout } = await runBundle({
      process: { args: ["cat", "/proc/self/cgroup"] },
      linux: {
        cgroupsPath,
        namespaces: namespaces("pid", "mount", "ipc", "uts", "network"),
        resources: { memory: { limit: 1 << 27 } },
      },
    });
    expect(stdout).toContain(`0::${cgroupsPath}\n`);
    expect(existsSync(`${hierarchy().mountPoint}${cgroupsPath}`)).toBe(false);
    for (let path = `/${name}/${deep}`; path !== "/"; path = path.slice(0, path.lastIndexOf("/")) || "/") {
      const directory = `${hierarchy().mountPoint}${path}`;
      expect(readFileSync(`${directory}/cgroup.subtree_control`, "utf8")).toContain("memory");
      rmdirSync(directory);
    }
  });
});

describe("limits that bite", () => {
  skipWithout("root", "cgroup2", "cpu controller", "memory controller");
  test("cpu.max: a busy program is throttled", { timeout: 120_000 }, async () => {
    await using c = await aContainer({
      config: {
        process: { args: ["sh", "-c", "while :; do :; done"] },
        linux: { resources: { cpu: { quota: 10_000, period: 100_000 } } },
      },
    });
    const stat = (name: string): number =>
      Number(
        new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(`${directoryOf(c)}/cpu.stat`, "utf8"))?.[1],
      );
    await eventually(() => (stat("nr_throttled") > 5 ? true : undefined), "throttling");
    const [used, began] = [stat("usage_usec"), performance.now()];
    await sleep(1000);
    // A tenth of the time, with room for what was under way.
    expect(stat("usage_usec") - used).toBeLessThan((performance.now() - began) * 1000 * 0.5);
  });

  test("memory.max: the kernel kills, and the exit and the events tell", { timeout: 120_000 }, async () => {
    const { status } = await runBundle({
      process: { args: ["sh", "-c", "x=x; while :; do x=$x$x; done"] },
      linux: { resources: { memory: { limit: 16 << 20, swap: 16 << 20 } } },
    });
    expect(status).toEqual({ signaled: "SIGKILL", signal: 9 });
  });
});

describe("rdma.max", () => {
  skipWithout("root", "cgroup2", "rdma controller");
  test("of a device that is there, and refused for one that is not", async () => {
    const error = await refusal({
      linux: { resources: { rdma: { runt_none: { hcaHandles: 3, hcaObjects: 5 } } } },
    });
    expect(error).toMatchObject({ name: "RuntError" });
    expect(error.message).toMatch(/rdma/);
  });
});
