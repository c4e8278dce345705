import { describe, expect, test } from "vitest";
import { devicePolicy } from "../../../../src/runtime/cgroup/device-rules.ts";
import { deviceProperties } from "../../../../src/runtime/cgroup/systemd/device-properties.ts";
import {
  infinity,
  type Property,
  resourceProperties,
  withRoundedQuota,
} from "../../../../src/runtime/cgroup/systemd/properties.ts";
import { oomPolicy } from "../../../../src/runtime/cgroup/systemd/unified-properties.ts";
import { origin, resources } from "../resources.ts";

const plain = (properties: readonly Property[]) => properties.map(([name, { value }]) => [name, value]);
const compile = (value: object, version = 257) =>
  plain(resourceProperties(resources(value), version, origin));

describe("linux.resources → properties of a scope", () => {
  for (const [what, input, output, version] of [
    ["nothing", {}, []],
    [
      "memory",
      { memory: { limit: 1000, swap: 1500, reservation: 10 } },
      [
        ["MemoryMax", 1000n],
        ["MemoryLow", 10n],
        ["MemorySwapMax", 500n],
      ],
    ],
    [
      "no memory limit",
      { memory: { limit: -1 } },
      [
        ["MemoryMax", infinity],
        ["MemorySwapMax", infinity],
      ],
    ],
    ["shares", { cpu: { shares: 1024 } }, [["CPUWeight", 100n]]],
    ["idle", { cpu: { idle: 1, shares: 1024 } }, [["CPUWeight", 0n]]],
    ["idle, systemd too old", { cpu: { idle: 1 } }, [], 251],
    ["not idle", { cpu: { idle: 0 } }, []],
    ["quota", { cpu: { quota: 50000 } }, [["CPUQuotaPerSecUSec", 500000n]]],
    ["quota is rounded up to whole percents", { cpu: { quota: 9990 } }, [["CPUQuotaPerSecUSec", 100000n]]],
    [
      "quota and period",
      { cpu: { quota: 5000, period: 10000 } },
      [
        ["CPUQuotaPeriodUSec", 10000n],
        ["CPUQuotaPerSecUSec", 500000n],
      ],
    ],
    [
      "period, systemd too old",
      { cpu: { quota: 5000, period: 10000 } },
      [["CPUQuotaPerSecUSec", 500000n]],
      241,
    ],
    ["no quota", { cpu: { quota: -1 } }, [["CPUQuotaPerSecUSec", infinity]]],
    [
      "cpuset",
      { cpu: { cpus: "0,2", mems: "0" } },
      [
        ["AllowedCPUs", Uint8Array.of(5)],
        ["AllowedMemoryNodes", Uint8Array.of(1)],
      ],
    ],
    ["cpuset, systemd too old", { cpu: { cpus: "0" } }, [], 243],
    ["pids", { pids: { limit: 5 } }, [["TasksMax", 5n]]],
    ["pids 0", { pids: { limit: 0 } }, [["TasksMax", 1n]]],
    ["pids -1", { pids: { limit: -1 } }, [["TasksMax", infinity]]],
    ["io weight", { blockIO: { weight: 1000 } }, [["IOWeight", 10000n]]],
    [
      "unified",
      {
        unified: {
          "memory.high": "5",
          "memory.swap.max": "max",
          "pids.max": "0",
          "cpu.max": "1000 10000",
          "cpu.weight": "7",
          "cpuset.mems": "1",
          "hugetlb.2MB.max": "0",
        },
      },
      [
        ["MemoryHigh", 5n],
        ["MemorySwapMax", infinity],
        ["TasksMax", 1n],
        ["CPUQuotaPeriodUSec", 10000n],
        ["CPUQuotaPerSecUSec", 100000n],
        ["CPUWeight", 7n],
        ["AllowedMemoryNodes", Uint8Array.of(2)],
      ],
    ],
    [
      "unified idle wins over weight",
      { unified: { "cpu.weight": "7", "cpu.idle": "1" } },
      [["CPUWeight", 0n]],
    ],
    [
      "unified cpu.max max",
      { unified: { "cpu.max": "max" } },
      [
        ["CPUQuotaPeriodUSec", 100000n],
        ["CPUQuotaPerSecUSec", infinity],
      ],
    ],
  ] as [string, object, [string, unknown][], number?][]) {
    test(what, () => expect(compile(input, version)).toEqual(output));
  }

  for (const [what, input] of [
    ["cpus", { cpu: { cpus: "0-" } }],
    ["unified number", { unified: { "memory.high": "5M" } }],
    ["unified quota", { unified: { "cpu.max": "1 2 3" } }],
    ["unified cpus", { unified: { "cpuset.cpus": "x" } }],
  ] as const) {
    test(`refused: ${what}`, () => {
      expect(() => resourceProperties(resources(input), 257, origin)).toThrow(
        expect.objectContaining({ kind: "InvalidArgument" }),
      );
    });
  }

  test("the quota in the cgroup file is rounded alike", () => {
    expect(withRoundedQuota(resources({ cpu: { quota: 9990 } })).cpu.quota).toBe(10000);
    expect(withRoundedQuota(resources({ cpu: { quota: 20000, period: 50000 } })).cpu.quota).toBe(20000);
    expect(withRoundedQuota(resources({ cpu: { quota: -1 } })).cpu.quota).toBe(-1);
  });

  test("memory.oom.group is said when the scope is started", () => {
    expect(plain(oomPolicy({ "memory.oom.group": "1" }, 253))).toEqual([["OOMPolicy", "kill"]]);
    expect(plain(oomPolicy({ "memory.oom.group": "0" }, 253))).toEqual([["OOMPolicy", "continue"]]);
    expect(plain(oomPolicy({ "memory.oom.group": "1" }, 252))).toEqual([]);
  });
});

describe("device policy → properties of a scope", () => {
  const compile = (devices: object[]) =>
    plain(deviceProperties(devicePolicy(resources({ devices }).devices)));

  test("a list of what is allowed", () => {
    const [policy, reset, list] = compile([
      { allow: false, access: "rwm" },
      { allow: true, type: "b", major: 8, minor: 0, access: "r" },
      { allow: true, type: "b", major: 9, access: "rw" },
    ]);
    expect([policy, reset]).toEqual([
      ["DevicePolicy", "strict"],
      ["DeviceAllow", []],
    ]);
    expect(list?.[1]).toEqual(
      expect.arrayContaining([
        ["/dev/block/8:0", "r"],
        ["block-9", "rw"],
        ["char-*", "m"],
        ["/dev/char/1:3", "mrw"],
        ["char-136", "mrw"],
      ]),
    );
  });

  for (const [what, devices] of [
    ["everything allowed", [{ allow: true, access: "rwm" }]],
    [
      "everything but one",
      [
        { allow: true, access: "rwm" },
        { allow: false, type: "b", major: 8, access: "r" },
      ],
    ],
    ["any major with one minor", [{ allow: true, type: "b", minor: 0, access: "r" }]],
  ] as const) {
    test(`${what}: systemd leaves it to our program`, () => {
      expect(compile([...devices])).toEqual([
        ["DevicePolicy", "auto"],
        ["DeviceAllow", []],
      ]);
    });
  }
});
