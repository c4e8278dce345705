import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Cgroup } from "../../../src/runtime/cgroup/cgroup.ts";
import { driverFor, driverOf, requireCgroup } from "../../../src/runtime/cgroup/driver.ts";
import { freeze, isFrozen, thaw } from "../../../src/runtime/cgroup/freeze.ts";
import { hierarchy, hierarchyRoot } from "../../../src/runtime/cgroup/hierarchy.ts";
import { cgroupOfProcess, subCgroup } from "../../../src/runtime/cgroup/join.ts";
import { killAll, signalAll } from "../../../src/runtime/cgroup/kill.ts";
import { watchOom } from "../../../src/runtime/cgroup/oom.ts";
import { cgroupStats, statsJson } from "../../../src/runtime/cgroup/stats/stats.ts";
import { needs } from "../../support/needs.ts";
import { skipWithout } from "./skip.ts";
import { aDriver, aPlan, cleanUp, freshName, Shell } from "./support.ts";

const kindOf = (kind: string, message: RegExp) =>
  expect.objectContaining({ name: "RuntError", kind, message: expect.stringMatching(message) });

describe("cgroupfs driver: create and delete", () => {
  skipWithout("root", "cgroup2");
  test("makes the cgroup of the plan, and removes it", async () => {
    const plan = aPlan();
    const driver = driverFor(plan);
    expect(driver.cgroup?.exists()).toBe(false);
    driver.prepare();
    expect(existsSync(hierarchy().mountPoint + plan.path)).toBe(true);
    expect(driver.placement).toBe("clone");
    await driver.remove();
    expect(existsSync(hierarchy().mountPoint + plan.path)).toBe(false);
    driver[Symbol.dispose]();
  });

  test("a process that is moved in is listed; below it too", async () => {
    await using driver = await aDriver();
    await using shell = await Shell.in(driver, "exec sleep 60");
    expect(cgroupOfProcess(hierarchy().mountPoint, shell.pid)?.path).toBe(driver.state.path);
    const child = driver.cgroup!.child("sub");
    mkdirSync(child.dir);
    await using below = Shell.start("exec sleep 60");
    child.write("cgroup.procs", String(below.pid));
    expect(driver.cgroup!.processes()).toEqual(expect.arrayContaining([shell.pid, below.pid]));
    expect(driver.cgroup!.populated()).toBe(true);
    child[Symbol.dispose]();
  });

  test("another process finds it again from the state", async () => {
    await using driver = await aDriver();
    await using shell = await Shell.in(driver, "exec sleep 60");
    const state = JSON.parse(JSON.stringify(driver.state));
    using again = driverOf(state);
    expect(again.cgroup!.processes()).toContain(shell.pid);
    await killAll(again.cgroup!);
    await shell.end();
    await again.remove();
    expect(driver.cgroup!.exists()).toBe(false);
  });

  test("levels above are made, stay at delete, and go when create is undone", async () => {
    const name = freshName();
    const above = new Cgroup(hierarchy().mountPoint, `/${name}`);
    {
      const driver = driverFor(aPlan({ cgroupsPath: `/${name}/a/b` }));
      driver.prepare();
      expect(above.exists()).toBe(true);
      await driver.undo();
      above[Symbol.dispose]();
      expect(above.exists()).toBe(false);
      driver[Symbol.dispose]();
    }
    {
      const driver = driverFor(aPlan({ cgroupsPath: `/${name}/a/b` }));
      driver.prepare();
      await driver.remove();
      above[Symbol.dispose]();
      expect(above.exists()).toBe(true);
      expect(driver.cgroup!.exists()).toBe(false);
      driver[Symbol.dispose]();
    }
    await cleanUp(above);
  });

  test("the parent may vanish between two containers of one runtime", async () => {
    const name = freshName();
    for (let i = 0; i < 2; i++) {
      const driver = driverFor(aPlan({ cgroupsPath: `/${name}/c` }));
      driver.prepare();
      expect(driver.cgroup!.exists()).toBe(true);
      await driver.remove();
      rmdirSync(`${hierarchy().mountPoint}/${name}`);
      driver[Symbol.dispose]();
    }
  });

  test("an existing empty cgroup is used", async () => {
    const cgroupsPath = `/${freshName()}`;
    mkdirSync(hierarchy().mountPoint + cgroupsPath);
    await using driver = await aDriver({ cgroupsPath });
    expect(driver.cgroup!.exists()).toBe(true);
  });

  test("one with processes is refused, and left alone", async () => {
    await using first = await aDriver();
    await using shell = await Shell.in(first, "exec sleep 60");
    using second = driverFor(aPlan({ cgroupsPath: first.state.path }));
    const error = kindOf("FailedPrecondition", /^container's cgroup is not empty: 1 process\(es\) found$/);
    expect(() => second.prepare()).toThrow(error);
    expect(first.cgroup!.processes()).toContain(shell.pid);
  });

  test("one with processes further down is refused too", async () => {
    await using first = await aDriver();
    const below = await aDriver({ cgroupsPath: `${first.state.path}/x` });
    await using shell = await Shell.in(below, "exec sleep 60");
    using second = driverFor(aPlan({ cgroupsPath: first.state.path }));
    expect(() => second.prepare()).toThrow(kindOf("FailedPrecondition", /not empty: 1 process/));
    await below[Symbol.asyncDispose]();
    expect(await shell.end()).toBe("SIGKILL");
  });

  test("a frozen one is refused", async () => {
    await using first = await aDriver();
    first.cgroup!.write("cgroup.freeze", "1");
    using second = driverFor(aPlan({ cgroupsPath: first.state.path }));
    expect(() => second.prepare()).toThrow(
      kindOf("FailedPrecondition", /^container's cgroup unexpectedly frozen$/),
    );
  });

  test("a limit without its controller is refused while planning: nothing is made", () => {
    const cgroupsPath = `/${freshName()}`;
    const resources = { rdma: { x: { hcaHandles: 1 } } };
    if (hierarchy().controllers.has("rdma")) return;
    const error = kindOf(
      "FailedPrecondition",
      /linux\.resources\.rdma\.x: the rdma controller is not available in cgroup \//,
    );
    expect(() => aPlan({ cgroupsPath, resources })).toThrow(error);
    expect(existsSync(hierarchy().mountPoint + cgroupsPath)).toBe(false);
  });

  test("a limit that the kernel refuses names its property and its file", async () => {
    await using driver = await aDriver({ resources: { unified: { "cgroup.max.depth": "nonsense" } } });
    const message =
      /unified\["cgroup\.max\.depth"\]: cannot write "nonsense" to cgroup\.max\.depth: invalid argument$/;
    const error = expect.objectContaining({
      kind: "InvalidArgument",
      message: expect.stringMatching(message),
      site: expect.objectContaining({ path: `${driver.cgroup!.dir}/cgroup.max.depth`, code: "EINVAL" }),
    });
    expect(() => driver.apply()).toThrow(error);
  });

  test("unified files of the core are written", async () => {
    await using driver = await aDriver({ resources: { unified: { "cgroup.max.depth": "3" } } });
    driver.apply();
    expect(driver.cgroup!.read("cgroup.max.depth")).toBe("3\n");
  });

  test("below a threaded cgroup a container becomes threaded, unless its limits forbid", async () => {
    await using outer = await aDriver();
    await using shell = await Shell.in(outer, "exec sleep 60");
    const threaded = outer.cgroup!.child("threaded");
    mkdirSync(threaded.dir);
    threaded.write("cgroup.type", "threaded");
    using inner = driverFor(aPlan({ cgroupsPath: `${outer.state.path}/threaded/inner` }));
    inner.prepare();
    expect(inner.cgroup!.read("cgroup.type")).toBe("threaded\n");
    await inner.attach(shell.pid);
    expect(inner.cgroup!.processes()).toEqual([shell.pid]);
    await killAll(inner.cgroup!);
    expect(await shell.end()).toBe("SIGKILL");
    await inner.remove();
    const plan = aPlan({ cgroupsPath: `${outer.state.path}/threaded/other` });
    const write = { file: "memory.max", value: "1", from: [], ignore: [], noop: false };
    using limited = driverFor({ ...plan, writes: [write] });
    const error = kindOf(
      "FailedPrecondition",
      /memory controller cannot be used in cgroup .*domain invalid mode/,
    );
    expect(() => limited.prepare()).toThrow(error);
    expect(limited.cgroup!.exists()).toBe(false);
    await cleanUp(threaded);
  });

  test("delete with a process left: an error that tells who, after a second", async () => {
    await using driver = await aDriver();
    await using shell = await Shell.in(driver, "exec sleep 60");
    await expect(driver.remove()).rejects.toThrow(
      expect.objectContaining({
        kind: "FailedPrecondition",
        message: expect.stringMatching(/cannot remove cgroup .*: 1 process\(es\) still in it/),
        site: expect.objectContaining({ code: "EBUSY", hint: `processes ${shell.pid}` }),
      }),
    );
  });

  test("delete waits for a process that is about to be gone, and takes cgroups below along", async () => {
    const driver = await aDriver();
    mkdirSync(`${driver.cgroup!.dir}/a/b`, { recursive: true });
    await using shell = await Shell.in(driver, "exec sleep 60");
    const removed = driver.remove();
    process.kill(shell.pid, "SIGKILL");
    expect(await shell.end()).toBe("SIGKILL");
    await removed;
    expect(driver.cgroup!.exists()).toBe(false);
    await driver.remove();
    driver[Symbol.dispose]();
  });

  test("no fd stays open", async () => {
    hierarchyRoot(hierarchy().mountPoint);
    const open = () => readdirSync("/proc/self/fd").length;
    const warm = await aDriver();
    warm.apply();
    await warm[Symbol.asyncDispose]();
    const before = open();
    for (let i = 0; i < 5; i++) {
      await using driver = await aDriver();
      driver.apply();
      cgroupStats(driver.cgroup!);
    }
    expect(open()).toBe(before);
  });
});

describe("cgroup ownership — config-linux.md#cgroup-ownership", () => {
  skipWithout("root", "cgroup2");
  const namespaces = [{ type: "mount" }, { type: "cgroup" }];
  const mount = (...options: string[]) => ({
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options,
  });

  test("a writable cgroup mount and a cgroup namespace: the user owns the delegated files, and no others", async () => {
    await using driver = await aDriver({ uid: 1234, linux: { namespaces }, mounts: [mount("rw")] });
    await driver.apply();
    const { dir } = driver.cgroup!;
    for (const file of ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"]) {
      expect(statSync(`${dir}/${file}`).uid).toBe(1234);
    }
    expect(statSync(`${dir}/cgroup.freeze`).uid).toBe(0);
    expect(statSync(`${dir}/cgroup.procs`).gid).toBe(0);
  });

  test("with a user namespace it is the uid as the host counts", () => {
    const uidMappings = [{ containerID: 0, hostID: 100000, size: 1000 }];
    const linux = { namespaces: [...namespaces, { type: "user" }], uidMappings, gidMappings: uidMappings };
    expect(aPlan({ uid: 7, linux, mounts: [mount()] }).owner).toBe(100007);
  });

  for (const [what, options] of [
    ["a read-only mount", { linux: { namespaces }, mounts: [mount("ro")] }],
    ["no mount", { linux: { namespaces } }],
    ["no namespace of its own", { mounts: [mount("rw")] }],
  ] as const) {
    test(`${what}: root keeps it`, () => {
      expect(aPlan({ uid: 1234, ...options } as Parameters<typeof aPlan>[0]).owner).toBeUndefined();
    });
  }
});

describe("pause, resume, kill", () => {
  skipWithout("root", "cgroup2");
  test("a frozen container does not run, a thawed one does", async () => {
    await using driver = await aDriver();
    await using shell = await Shell.in(driver, "while :; do echo x; sleep 0.01; done");
    while (!shell.output) await sleep(5);
    await freeze(driver.cgroup!);
    expect(isFrozen(driver.cgroup!)).toBe(true);
    // What it wrote before may be on its way to us.
    let output = "";
    for (let i = 0; i < 20 && output !== shell.output; i++) {
      ({ output } = shell);
      await sleep(100);
    }
    expect(shell.output).toBe(output);
    thaw(driver.cgroup!);
    while (shell.output === output) await sleep(5);
    expect(isFrozen(driver.cgroup!)).toBe(false);
  });

  test("kill reaches a frozen container and everything below", async () => {
    await using driver = await aDriver();
    await using one = await Shell.in(driver, "exec sleep 60");
    const below = await aDriver({ cgroupsPath: `${driver.state.path}/below` });
    await using two = await Shell.in(below, "exec sleep 60");
    await freeze(driver.cgroup!);
    await killAll(driver.cgroup!);
    expect([await one.end(), await two.end()]).toEqual(["SIGKILL", "SIGKILL"]);
    await below[Symbol.asyncDispose]();
  });

  test("kill of what does not exist, thaw too: nothing happens", async () => {
    using cgroup = new Cgroup(hierarchy().mountPoint, `/${freshName()}`);
    await killAll(cgroup);
    thaw(cgroup);
    expect(isFrozen(cgroup)).toBe(false);
    expect(cgroup.processes()).toEqual([]);
    await expect(freeze(cgroup)).rejects.toThrow(kindOf("NotFound", /cannot pause cgroup/));
  });

  test("any signal goes to every process", async () => {
    await using driver = await aDriver();
    await using one = await Shell.in(driver, "trap 'exit 7' USR1; echo ready; while :; do sleep 0.01; done");
    await using two = await Shell.in(driver, "trap 'exit 8' USR1; echo ready; while :; do sleep 0.01; done");
    while (!one.output || !two.output) await sleep(5);
    for (const pid of [one.pid, two.pid]) expect(driver.cgroup!.processes()).toContain(pid);
    expect(signalAll(driver.cgroup!, 0)).toBeGreaterThanOrEqual(2);
    await freeze(driver.cgroup!);
    const n = signalAll(driver.cgroup!, "SIGUSR1");
    expect(n).toBeGreaterThanOrEqual(2);
    thaw(driver.cgroup!);
    expect(await Promise.all([one.end(), two.end()])).toEqual([7, 8]);
  });
});

describe("exec --cgroup", () => {
  skipWithout("root", "cgroup2");
  test("a path below the container's cgroup; never above", async () => {
    await using driver = await aDriver();
    const cgroup = driver.cgroup!;
    expect(subCgroup(cgroup, "/")).toBe(cgroup);
    expect(subCgroup(cgroup, "/a/b").path).toBe(`${cgroup.path}/a/b`);
    expect(() => subCgroup(cgroup, "../other")).toThrow(
      kindOf("InvalidArgument", /bad sub cgroup path: \.\.\/other/),
    );
  });
});

describe("events", () => {
  skipWithout("root", "cgroup2");
  test("statistics are those of the processes in it", async () => {
    await using driver = await aDriver();
    await using shell = await Shell.in(
      driver,
      "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; exec sleep 60",
    );
    while (!shell.output.includes("done")) await sleep(10);
    const stats = cgroupStats(driver.cgroup!);
    expect(stats.cpu.usage?.total).toBeGreaterThan(1_000_000);
    expect(stats.pids.current).toBe(1);
    expect(Object.keys(stats)).toEqual([
      "cpu",
      "cpuset",
      "memory",
      "pids",
      "blkio",
      "hugetlb",
      "intel_rdt",
      "network_interfaces",
    ]);
  });

  test("numbers beyond 2⁵³ keep their digits in JSON", () => {
    expect(statsJson({ limit: 18446744073709551615n, usage: 5 })).toBe(
      '{"limit":18446744073709551615,"usage":5}',
    );
  });

  test("without a cgroup: an error", () => {
    using cgroup = new Cgroup(hierarchy().mountPoint, `/${freshName()}`);
    expect(() => cgroupStats(cgroup)).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  needs("no memory controller")("without the memory controller the OOM watch ends at once", async () => {
    await using driver = await aDriver();
    for await (const _ of watchOom(driver.cgroup!)) expect.fail();
  });
});

describe("no cgroup", () => {
  test("--cgroup-manager disabled: nothing is made, and verbs say why they cannot", async () => {
    using driver = driverFor(aPlan({ manager: "disabled", resources: { memory: { limit: 5 } } }));
    await driver.prepare();
    await driver.apply();
    expect(driver.placement).toBe("none");
    expect(driver.state).toMatchObject({ manager: "disabled", path: "" });
    using again = driverOf(driver.state);
    expect(() => requireCgroup(again, "pause")).toThrow(
      kindOf("FailedPrecondition", /cannot pause: the container has no cgroup/),
    );
    await again.remove();
  });
});
