import { readFileSync, watch } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { oomKills, watchOom } from "../../../src/runtime/cgroup/oom.ts";
import { cgroupStats } from "../../../src/runtime/cgroup/stats/stats.ts";
import { origin, resources } from "./resources.ts";
import { skipWithout } from "./skip.ts";
import { aDriver, Shell } from "./support.ts";

const controllers = ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"];
const limits = ["root", ...controllers.map((name) => `${name} controller`)];
// Node keeps its one inotify fd from the first watch on: not a leak of the tests below.
watch("/", () => {}).close();

const MiB = 2 ** 20;
const update = { ...origin, operation: "update" };

describe("limits as the kernel reads them back", () => {
  skipWithout(...limits);
  test("at create", async () => {
    await using driver = await aDriver({
      resources: {
        memory: { limit: 64 * MiB, reservation: 32 * MiB },
        cpu: { shares: 2048, quota: 20000, period: 50000, burst: 1000, cpus: "0", mems: "0" },
        pids: { limit: 17 },
        unified: { "memory.high": String(48 * MiB), "memory.oom.group": "1" },
      },
    });
    driver.apply();
    const cgroup = driver.cgroup!;
    const files = [
      "memory.max",
      "memory.low",
      "memory.high",
      "memory.oom.group",
      "cpu.weight",
      "cpu.max",
      "cpu.max.burst",
      "cpuset.cpus",
      "cpuset.mems",
      "pids.max",
    ];
    expect(files.map((file) => `${file} ${cgroup.read(file).trim()}`)).toEqual([
      `memory.max ${64 * MiB}`,
      `memory.low ${32 * MiB}`,
      `memory.high ${48 * MiB}`,
      "memory.oom.group 1",
      "cpu.weight 174",
      "cpu.max 20000 50000",
      "cpu.max.burst 1000",
      "cpuset.cpus 0",
      "cpuset.mems 0",
      "pids.max 17",
    ]);
  });

  test("no swap is fine on a kernel without swap accounting, and written on one with", async () => {
    await using driver = await aDriver({ resources: { memory: { limit: 64 * MiB, swap: 64 * MiB } } });
    driver.apply();
    expect(driver.cgroup!.readIfAny("memory.swap.max") ?? "0\n").toBe("0\n");
  });

  test("an idle container", async () => {
    await using driver = await aDriver({ resources: { cpu: { idle: 1, shares: 512 } } });
    driver.apply();
    expect(driver.cgroup!.read("cpu.idle")).toBe("1\n");
  });

  test("io weight goes where this kernel has one", async () => {
    await using driver = await aDriver({ resources: { blockIO: { weight: 500 } } });
    const cgroup = driver.cgroup!;
    const file = ["io.bfq.weight", "io.weight"].find((name) => cgroup.readIfAny(name) !== undefined);
    if (file) {
      driver.apply();
      expect(cgroup.read(file)).toMatch(file === "io.weight" ? /default 4950/ : /500/);
    } else {
      expect(() => driver.apply()).toThrow(/blockIO\.weight: cannot write/);
    }
  });

  test("io.max of a real disk, and back at a failed update", async () => {
    const disk = readFileSync("/proc/self/mountinfo", "utf8").match(/^\S+ \S+ ([1-9]\d*:\d+) /m)?.[1];
    const [major, minor] = (disk ?? "254:0").split(":").map(Number);
    const device = { major, minor: minor! - (minor! % 16), rate: 1048576 };
    await using driver = await aDriver({ resources: { blockIO: { throttleReadBpsDevice: [device] } } });
    driver.apply();
    const before = driver.cgroup!.read("io.max");
    expect(before).toContain("rbps=1048576");
    const bad = { blockIO: { throttleWriteBpsDevice: [device] }, cpu: { cpus: "9999" } };
    expect(() => driver.update(resources(bad), update)).toThrow(/cpu\.cpus/);
    expect(driver.cgroup!.read("io.max")).toBe(before);
  });

  test("huge pages", async () => {
    await using driver = await aDriver({
      resources: { hugepageLimits: [{ pageSize: "2MB", limit: 4 * MiB }] },
    });
    driver.apply();
    expect(driver.cgroup!.read("hugetlb.2MB.max").trim()).toBe(String(4 * MiB));
    expect(driver.cgroup!.read("hugetlb.2MB.rsvd.max").trim()).toBe(String(4 * MiB));
  });

  test("a controller that a level above has no longer handed down is handed down again", async () => {
    await using outer = await aDriver();
    await using driver = await aDriver({
      cgroupsPath: `${outer.state.path}/inner`,
      resources: { pids: { limit: 5 } },
    });
    outer.cgroup!.write("cgroup.subtree_control", "-pids");
    expect(driver.cgroup!.readIfAny("pids.max")).toBeUndefined();
    driver.apply();
    expect(driver.cgroup!.read("pids.max")).toBe("5\n");
    await driver.remove();
  });

  test("beside processes no controller for memory can be had: the limit says so", async () => {
    await using outer = await aDriver();
    await using _shell = await Shell.in(outer, "exec sleep 60");
    const cgroupsPath = `${outer.state.path}/inner`;
    const message =
      /^the memory controller cannot be used in cgroup .*\/inner, which is in domain invalid mode$/;
    const resources = { memory: { limit: 64 * MiB } };
    await expect(aDriver({ cgroupsPath, resources })).rejects.toThrow(message);
    const inner = outer.cgroup!.child("inner");
    expect(inner.exists()).toBe(false);
  });
});

describe("update", () => {
  skipWithout(...limits);
  const before = { memory: { limit: 64 * MiB }, cpu: { quota: 20000, burst: 10000 }, pids: { limit: 10 } };

  test("raises and lowers", async () => {
    await using driver = await aDriver({ resources: before });
    driver.apply();
    const next = {
      memory: { limit: -1 },
      cpu: { quota: 50000, period: 50000, burst: 45000 },
      pids: { limit: -1 },
    };
    driver.update(resources(next), update);
    const files = ["memory.max", "cpu.max", "cpu.max.burst", "pids.max"];
    expect(files.map((file) => driver.cgroup!.read(file).trim())).toEqual([
      "max",
      "50000 50000",
      "45000",
      "max",
    ]);
    driver.update(resources(before), update);
    expect(files.map((file) => driver.cgroup!.read(file).trim())).toEqual([
      String(64 * MiB),
      "20000 100000",
      "10000",
      "10",
    ]);
  });

  test("one limit refused: the others are as before", async () => {
    await using driver = await aDriver({ resources: before });
    driver.apply();
    const bad = { memory: { limit: 32 * MiB }, pids: { limit: 99 }, cpu: { quota: 1, cpus: "0" } };
    const error = expect.objectContaining({
      kind: "InvalidArgument",
      site: expect.objectContaining({
        operation: "update",
        subject: "config.json: linux.resources.cpu.quota",
      }),
    });
    expect(() => driver.update(resources(bad), update)).toThrow(error);
    const files = ["memory.max", "pids.max", "cpu.max", "cpuset.cpus"];
    expect(files.map((file) => driver.cgroup!.read(file).trim())).toEqual([
      String(64 * MiB),
      "10",
      "20000 100000",
      "",
    ]);
  });

  test("checkBeforeUpdate: nothing is written when the memory is in use", async () => {
    await using driver = await aDriver({ resources: before });
    driver.apply();
    await using shell = await Shell.in(driver, "echo in; exec sleep 60");
    while (!shell.output) await sleep(5);
    const value = { memory: { limit: 4096, checkBeforeUpdate: true }, pids: { limit: 3 } };
    expect(() => driver.update(resources(value), update)).toThrow(/rejecting memory limit 4096 <= usage \d+/);
    expect(driver.cgroup!.read("pids.max")).toBe("10\n");
  });
});

describe("out of memory", () => {
  skipWithout("root", "memory controller");
  test("an OOM kill is told once, and the watch ends with the container", async () => {
    await using driver = await aDriver({ resources: { memory: { limit: 8 * MiB, swap: 8 * MiB } } });
    driver.apply();
    // The shell outlives the greedy process, so that the watch sees an OOM before the end.
    const script =
      "echo ready; sleep 0.3; head -c 64000000 /dev/zero | tail -c 64000000 >/dev/null; sleep 0.3; echo over";
    await using shell = await Shell.in(driver, script);
    while (!shell.output.includes("ready")) await sleep(5);
    const seen = [];
    for await (const kills of watchOom(driver.cgroup!)) seen.push(kills);
    expect(seen).toEqual([1]);
    expect(oomKills(driver.cgroup!)).toBe(1);
    await shell.end();
  });

  test("the watch ends when told", async () => {
    await using driver = await aDriver();
    await using _shell = await Shell.in(driver, "exec sleep 60");
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    for await (const _ of watchOom(driver.cgroup!, abort.signal)) expect.fail();
  });
});

describe("statistics of all controllers", () => {
  skipWithout(...limits);
  test("in the shape that callers of runc read", async () => {
    await using driver = await aDriver({ resources: { memory: { limit: 64 * MiB }, pids: { limit: 10 } } });
    driver.apply();
    await using shell = await Shell.in(
      driver,
      "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo done; exec sleep 60",
    );
    while (!shell.output.includes("done")) await sleep(10);
    const stats = cgroupStats(driver.cgroup!);
    expect(stats.pids).toEqual({ current: 1, limit: 10 });
    expect(stats.memory.usage).toMatchObject({ limit: 64 * MiB, failcnt: 0 });
    expect(stats.memory.usage?.usage).toBeGreaterThan(0);
    expect(stats.memory.raw).toHaveProperty("anon");
    expect(stats.memory.swap?.limit).toBeDefined();
    expect(stats.hugetlb["2MB"]).toEqual({ failcnt: 0 });
    expect(stats.cpu.usage?.total).toBeGreaterThan(0);
  });
});
