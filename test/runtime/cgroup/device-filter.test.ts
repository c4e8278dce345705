import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closeCachedPrograms, devicePrograms } from "../../../src/runtime/cgroup/device-filter.ts";
import type { CgroupDriver } from "../../../src/runtime/cgroup/driver.ts";
import { resources } from "./resources.ts";
import { skipWithout } from "./skip.ts";
import { aDriver, Shell } from "./support.ts";

const denyAll = { allow: false, access: "rwm" };
const allowAll = { allow: true, access: "rwm" };
/** /dev/kmsg: a device that is always there and that no container gets by itself. */
const kmsg = { allow: true, type: "c", major: 1, minor: 11, access: "r" };

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "runt-devices-"));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
  closeCachedPrograms();
});

/** What a process in the cgroup can do with a node of device `type` `major`:`minor`: some of "mrw". */
async function can(driver: CgroupDriver, type: "b" | "c", major: number, minor: number): Promise<string> {
  const node = join(dir, `${type}-${major}-${minor}`);
  const script = [
    `rm -f ${node}`,
    `mknod ${node} ${type} ${major} ${minor} && echo m`,
    `(: <${node}) && echo r`,
    `(: >>${node}) && echo w`,
    `rm -f ${node}`,
  ].join("; ");
  await using shell = await Shell.in(
    driver,
    `exec 3>&1; { ${script.replaceAll("echo", "echo >&3")}; } 2>/dev/null >/dev/null`,
  );
  await shell.end();
  return shell.output.replaceAll("\n", "");
}

describe("device policy in force — config-linux.md#allowed-device-list", () => {
  skipWithout("root", "cgroup2");
  test("without rules: the usual devices, and no others", async () => {
    await using driver = await aDriver();
    await driver.apply();
    expect(driver.state.devices).toBe(true);
    expect(await can(driver, "c", 1, 3)).toBe("mrw");
    expect(await can(driver, "c", 1, 11)).toBe("m");
  });

  test("rules allow what they say", async () => {
    await using driver = await aDriver({ resources: { devices: [denyAll, kmsg] } });
    await driver.apply();
    expect(await can(driver, "c", 1, 11)).toBe("mr");
  });

  test("a list that allows everything leaves the cgroup without a program", async () => {
    await using driver = await aDriver({ resources: { devices: [denyAll, allowAll] } });
    await driver.apply();
    expect(driver.state.devices).toBe(false);
    expect(devicePrograms(driver.cgroup!)).toEqual([]);
    expect(await can(driver, "c", 1, 11)).toBe("mrw");
  });

  test("a long list passes the verifier", async () => {
    const devices = [denyAll];
    for (let minor = 0; minor < 400; minor++) {
      devices.push({ allow: minor % 3 > 0, type: "c", major: 1, minor, access: "rw" } as typeof denyAll);
    }
    await using driver = await aDriver({ resources: { devices } });
    await driver.apply();
    expect(await can(driver, "c", 1, 11)).toBe("mrw");
  });

  test("an update replaces the one program by another", async () => {
    await using driver = await aDriver();
    await driver.apply();
    const [before, ...more] = devicePrograms(driver.cgroup!);
    expect(more).toEqual([]);
    await driver.updateDevices(resources({ devices: [denyAll, kmsg] }).devices);
    const after = devicePrograms(driver.cgroup!);
    expect(after).toHaveLength(1);
    expect(after[0]).not.toBe(before);
    expect(await can(driver, "c", 1, 11)).toBe("mr");
    await driver.updateDevices(resources({ devices: [allowAll] }).devices);
    expect(devicePrograms(driver.cgroup!)).toEqual([]);
    expect(driver.state.devices).toBe(false);
  });

  test("at no moment of many updates is a forbidden device open", async () => {
    await using driver = await aDriver();
    await driver.apply();
    const script =
      "i=0; while [ $i -lt 3000 ]; do true 2>/dev/null </dev/kmsg && echo open; i=$((i+1)); done; echo end";
    await using shell = await Shell.in(driver, script);
    const tty = { allow: true, type: "c", major: 4, minor: 0, access: "r" };
    const lists = [[denyAll], [denyAll, tty]].map((devices) => resources({ devices }).devices);
    for (let i = 0; !shell.output.includes("end"); i++) {
      await driver.updateDevices(lists[i % 2]!);
      await sleep(1);
    }
    expect(shell.output).toBe("end\n");
  });

  test("two containers with the same list have the same program, loaded once", async () => {
    await using one = await aDriver();
    await using two = await aDriver();
    await one.apply();
    await two.apply();
    expect(devicePrograms(one.cgroup!)).toEqual(devicePrograms(two.cgroup!));
  });
});
