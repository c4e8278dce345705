import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readResources, resourcesOf } from "../../../../src/cli/commands/oci/resources.ts";

describe("update — the options as a resources object", () => {
  test.each([
    ["4096", 4096],
    ["64k", 65_536],
    ["512M", 536_870_912],
    ["1.5g", 1_610_612_736],
    ["2GiB", 2_147_483_648],
    ["10mb", 10_485_760],
    ["-1", -1],
  ])("a size of %s is %i bytes", async (memory, limit) => {
    const resources = await resourcesOf({ memory });
    expect(Number(resources.memory.limit)).toBe(limit);
  });

  test("what no option mentions is absent", async () => {
    const { cpu, memory, pids } = await resourcesOf({ cpuQuota: "-1", cpusetCpus: "0-1" });
    expect(cpu.quota).toBe(-1);
    expect(cpu.cpus).toBe("0-1");
    expect([cpu.period, cpu.shares, memory.limit, memory.swap, pids.limit]).toEqual(Array(5).fill(undefined));
  });

  test.each([
    [{ memory: "lots" }, 'invalid value for memory: "lots"'],
    [{ cpuShare: "1.5" }, 'invalid value for cpu-share: "1.5"'],
    [{ cpuIdle: "yes" }, 'invalid value for cpu-idle: "yes"'],
    [{ l3CacheSchema: "L3:0=f" }, "Intel RDT/CAT: l3 cache schema is not enabled"],
  ])("%j is refused", async (flags, message) => {
    await expect(resourcesOf(flags)).rejects.toThrow(message);
  });

  test("a file is checked, and its error names the place", async () => {
    const directory = mkdtempSync(join(tmpdir(), "runt-resources-"));
    const path = join(directory, "r.json");
    writeFileSync(path, '{"memory": {"limit": 1048576}}');
    expect(Number((await readResources(path)).memory.limit)).toBe(1_048_576);
    writeFileSync(path, '{"memory": {"limit": "much"}}');
    await expect(readResources(path)).rejects.toThrow(/memory\.limit/);
    rmSync(directory, { recursive: true });
  });
});
