import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { closeCachedPrograms, devicePrograms } from "../../../../src/runtime/cgroup/device-filter.ts";
import { type CgroupDriver, driverFor, driverOf } from "../../../../src/runtime/cgroup/driver.ts";
import { hierarchy } from "../../../../src/runtime/cgroup/hierarchy.ts";
import { cgroupOfProcess } from "../../../../src/runtime/cgroup/join.ts";
import { killAll } from "../../../../src/runtime/cgroup/kill.ts";
import { Script } from "../../../support/script.ts";
import { origin, resources } from "../resources.ts";
import { skipWithout } from "../skip.ts";
import { aPlan, freshName, type PlanOptions, Shell } from "../support.ts";

afterAll(closeCachedPrograms);

const MiB = 2 ** 20;
const update = { ...origin, operation: "update" };

const show = (unit: string, name: string) =>
  execFileSync("systemctl", ["show", "--value", "--property", name, unit], { encoding: "utf8" }).trim();

interface Running extends AsyncDisposable {
  readonly driver: CgroupDriver;
  readonly shell: Shell;
  readonly unit: string;
}

/** A shell in a scope of its own, with limits and devices in force. */
async function running(options: PlanOptions, script = "exec sleep 60"): Promise<Running> {
  const driver = driverFor(aPlan({ manager: "systemd", cgroupsPath: "", ...options }));
  await driver.prepare();
  const shell = await Shell.in(driver, script);
  await driver.apply();
  return {
    driver,
    shell,
    unit: driver.state.unit!,
    async [Symbol.asyncDispose]() {
      await killAll(driver.cgroup!);
      await shell[Symbol.asyncDispose]();
      await driver.undo();
      driver[Symbol.dispose]();
    },
  };
}

describe("systemd driver", { timeout: 120_000 }, () => {
  skipWithout("root", "cgroup2", "systemd");
  test("the process is in a scope of its own, which goes with it", async () => {
    const id = freshName();
    const container = await running({ id });
    const { driver, shell, unit } = container;
    expect(unit).toBe(`runt-${id}.scope`);
    expect(driver.cgroup!.path).toBe(`/system.slice/${unit}`);
    expect(cgroupOfProcess(hierarchy().mountPoint, shell.pid)?.path).toBe(driver.cgroup!.path);
    expect(show(unit, "ActiveState")).toBe("active");
    expect(show(unit, "Delegate")).toBe("yes");
    const state = JSON.parse(JSON.stringify(driver.state));
    using again = driverOf(state);
    await killAll(again.cgroup!);
    await shell.end();
    await again.remove();
    expect(show(unit, "ActiveState")).toBe("inactive");
    expect(existsSync(again.cgroup!.dir)).toBe(false);
    await again.remove();
    await container[Symbol.asyncDispose]();
  });

  test("slice:prefix:name, slices nested by their hyphens", async () => {
    const name = freshName();
    await using container = await running({ cgroupsPath: `runttest-${process.pid}.slice:pre:${name}` });
    expect(container.driver.cgroup!.path).toBe(
      `/runttest.slice/runttest-${process.pid}.slice/pre-${name}.scope`,
    );
    expect(show(container.unit, "Slice")).toBe(`runttest-${process.pid}.slice`);
  });

  test("limits are the unit's, and in the files; a reload of systemd changes neither", async () => {
    const input = {
      memory: { limit: 64 * MiB, reservation: 32 * MiB },
      cpu: { shares: 2048, quota: 20000, period: 50000, cpus: "0" },
      pids: { limit: 17 },
      hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
      unified: { "memory.high": String(48 * MiB) },
    };
    await using container = await running({ resources: input });
    const { driver, unit } = container;
    const files = [
      "memory.max",
      "memory.low",
      "memory.high",
      "cpu.weight",
      "cpu.max",
      "cpuset.cpus",
      "pids.max",
      "hugetlb.2MB.max",
    ];
    const expected = [64 * MiB, 32 * MiB, 48 * MiB, 174, "20000 50000", 0, 17, 0].map(String);
    const actual = () => files.map((file) => driver.cgroup!.read(file).trim());
    expect(actual()).toEqual(expected);
    execFileSync("systemctl", ["daemon-reload"]);
    expect(actual()).toEqual(expected);
    expect(show(unit, "MemoryMax")).toBe(String(64 * MiB));
    expect(show(unit, "TasksMax")).toBe("17");
    expect(show(unit, "AllowedCPUs")).toBe("0");
  });

  test("update changes both; a refused update neither", async () => {
    await using container = await running({
      resources: { memory: { limit: 64 * MiB }, pids: { limit: 17 } },
    });
    const { driver, unit } = container;
    await driver.update(
      resources({ memory: { limit: 32 * MiB }, pids: { limit: 9 }, cpu: { quota: 9990 } }),
      update,
    );
    expect(driver.cgroup!.read("memory.max").trim()).toBe(String(32 * MiB));
    expect(driver.cgroup!.read("cpu.max").trim()).toBe("10000 100000");
    expect(show(unit, "TasksMax")).toBe("9");
    const bad = resources({ memory: { limit: 16 * MiB }, pids: { limit: 5 }, cpu: { cpus: "9999" } });
    await expect(async () => driver.update(bad, update)).rejects.toThrow(/linux\.resources\.cpu\.cpus/);
    expect(driver.cgroup!.read("memory.max").trim()).toBe(String(32 * MiB));
    expect(driver.cgroup!.read("pids.max").trim()).toBe("9");
    expect(show(unit, "TasksMax")).toBe("9");
  });

  test("devices: ours is the program in force, also after a reload of systemd", async () => {
    const dir = mkdtempSync(join(tmpdir(), "runt-systemd-"));
    mkdirSync(join(dir, "go"));
    const probe = "(true </dev/kmsg) 2>/dev/null && echo kmsg; (true </dev/zero) && echo zero; echo .";
    const script = `for step in 1 2; do while [ ! -d ${dir}/go/$step ]; do sleep 0.02; done; ${probe}; done; exec sleep 60`;
    await using container = await running(
      { resources: { devices: [{ allow: false, access: "rwm" }] } },
      script,
    );
    expect(devicePrograms(container.driver.cgroup!).length).toBeGreaterThan(0);
    mkdirSync(join(dir, "go/1"));
    while (!container.shell.output.includes(".\n")) await sleep(10);
    execFileSync("systemctl", ["daemon-reload"]);
    mkdirSync(join(dir, "go/2"));
    while (!container.shell.output.endsWith("zero\n.\n") || container.shell.output.length < 14)
      await sleep(10);
    expect(container.shell.output).toBe("zero\n.\nzero\n.\n");
    rmSync(dir, { recursive: true });
  });

  test("a device policy that systemd has no words for", async () => {
    const devices = [
      { allow: true, access: "rwm" },
      { allow: false, type: "c", major: 1, minor: 11, access: "rw" },
    ];
    const probe =
      "sleep 0.5; (true </dev/kmsg) 2>/dev/null && echo kmsg; (true </dev/mem) 2>/dev/null && echo mem; echo .; exec sleep 60";
    await using container = await running({ resources: { devices } }, probe);
    while (!container.shell.output.includes(".\n")) await sleep(10);
    expect(container.shell.output).toBe("mem\n.\n");
  });

  test("the same scope twice is an error", async () => {
    const id = freshName();
    await using container = await running({ id });
    const second = driverFor(aPlan({ manager: "systemd", cgroupsPath: "", id }));
    await expect(async () => second.prepare()).rejects.toThrow(/container's cgroup is not empty: 1 process/);
    await using other = Shell.start("exec sleep 60");
    const error = expect.objectContaining({
      kind: "AlreadyExists",
      message: expect.stringMatching(/unable to start unit/),
    });
    await expect(async () => second.attach(other.pid)).rejects.toThrow(error);
    expect(container.driver.cgroup!.processes()).toEqual([container.shell.pid]);
    second[Symbol.dispose]();
  });

  test("annotations are properties", async () => {
    const annotations = {
      "org.systemd.property.TimeoutStopSec": "uint64 77",
      "org.systemd.property.CollectMode": "'inactive-or-failed'",
    };
    await using container = await running({ annotations });
    expect(show(container.unit, "TimeoutStopUSec")).toBe("1min 17s");
    expect(show(container.unit, "CollectMode")).toBe("inactive-or-failed");
  });

  test("a property that systemd does not know is an error, and nothing is left", async () => {
    const driver = driverFor(
      aPlan({
        manager: "systemd",
        cgroupsPath: "",
        annotations: { "org.systemd.property.NoSuchThing": "5" },
      }),
    );
    await driver.prepare();
    await using other = Shell.start("exec sleep 60");
    await expect(async () => driver.attach(other.pid)).rejects.toThrow(/unable to start unit.*NoSuchThing/);
    await driver.undo();
    expect(show(driver.state.unit!, "ActiveState")).toBe("inactive");
    driver[Symbol.dispose]();
  });

  test("exec joins a running scope", async () => {
    await using container = await running({});
    await using other = Shell.start("exec sleep 60");
    using again = driverOf(container.driver.state);
    await again.attach(other.pid);
    expect(again.cgroup!.processes()).toContain(other.pid);
  });
});

const alice = "alice";
const lingering = existsSync("/var/lib/systemd/linger/alice");

describe("systemd driver of an ordinary user", { timeout: 120_000 }, () => {
  skipWithout("root", "cgroup2", "systemd");
  test("the scope is in the user's own slice, with limits", (context) => {
    context.skip(!lingering, "needs a user session of alice");
    using script = new Script(`
      import { aPlan, Shell } from "./test/runtime/cgroup/support.ts";
      import { driverFor } from "./src/runtime/cgroup/driver.ts";
      import { killAll } from "./src/runtime/cgroup/kill.ts";
      const driver = driverFor(aPlan({ manager: "systemd", cgroupsPath: "", id: "rootless", rootless: true, resources: { memory: { limit: 67108864 }, pids: { limit: 9 } } }));
      await driver.prepare();
      const shell = await Shell.in(driver, "exec sleep 60");
      await driver.apply();
      console.log(driver.cgroup.path, driver.cgroup.read("memory.max").trim(), driver.cgroup.read("pids.max").trim());
      await killAll(driver.cgroup);
      await shell.end();
      await driver.remove();
      console.log(driver.cgroup.exists());
      driver[Symbol.dispose]();
    `);
    const uid = execFileSync("id", ["-u", alice], { encoding: "utf8" }).trim();
    const env = { PATH: process.env.PATH, XDG_RUNTIME_DIR: `/run/user/${uid}` };
    const as = ["--reuid", alice, "--regid", alice, "--init-groups", process.execPath, script.path];
    const output = execFileSync("setpriv", as, { encoding: "utf8", env, cwd: "/" });
    expect(output).toBe(
      `/user.slice/user-${uid}.slice/user@${uid}.service/user.slice/runt-rootless.scope 67108864 9\nfalse\n`,
    );
  });
});
