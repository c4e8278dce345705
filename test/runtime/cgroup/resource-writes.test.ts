import { describe, expect, test } from "vitest";
import { ioWeight } from "../../../src/runtime/cgroup/limits/block-io.ts";
import { cpuWeight } from "../../../src/runtime/cgroup/limits/cpu.ts";
import { checkUsage } from "../../../src/runtime/cgroup/limits/memory.ts";
import {
  domainControllerOf,
  ignoredResources,
  resourceWrites,
} from "../../../src/runtime/cgroup/resource-writes.ts";
import { origin, resources } from "./resources.ts";

const all = new Set(["cpu", "cpuset", "hugetlb", "io", "memory", "misc", "pids", "rdma"]);

function compile(value: object, controllers: ReadonlySet<string> = all) {
  return resourceWrites(resources(value), { cgroupPath: "/c", controllers, origin });
}

/** As `cat` would show it. */
function lines(value: object, controllers?: ReadonlySet<string>): string[] {
  return compile(value, controllers).map(({ file, value }) => `${file} ${value}`);
}

describe("linux.resources → cgroup v2 files — config-linux.md#control-groups", () => {
  const table: [what: string, input: object, output: string[]][] = [
    ["nothing", {}, []],

    ["memory limit", { memory: { limit: 1000 } }, ["memory.max 1000"]],
    [
      "memory limit of -1 opens swap too",
      { memory: { limit: -1 } },
      ["memory.swap.max max", "memory.max max"],
    ],
    [
      "swap is what is beyond memory",
      { memory: { limit: 1000, swap: 3000 } },
      ["memory.swap.max 2000", "memory.max 1000"],
    ],
    [
      "swap equal to memory is no swap",
      { memory: { limit: 1000, swap: 1000 } },
      ["memory.swap.max 0", "memory.max 1000"],
    ],
    ["swap -1", { memory: { limit: 1000, swap: -1 } }, ["memory.swap.max max", "memory.max 1000"]],
    ["swap -1 alone", { memory: { swap: -1 } }, ["memory.swap.max max"]],
    [
      "swap with unlimited memory",
      { memory: { limit: -1, swap: 500 } },
      ["memory.swap.max 500", "memory.max max"],
    ],
    ["reservation", { memory: { reservation: 10 } }, ["memory.low 10"]],
    [
      "zeros are unset",
      { memory: { limit: 0, swap: 0, reservation: 0 }, cpu: { shares: 0, quota: 0, period: 0 } },
      [],
    ],
    [
      "limits beyond 2⁵³",
      { memory: { limit: 9007199254740993n, swap: 9223372036854775807n } },
      ["memory.swap.max 9214364837600034814", "memory.max 9007199254740993"],
    ],

    ["shares", { cpu: { shares: 1024 } }, ["cpu.weight 100"]],
    ["quota, usual period", { cpu: { quota: 50000 } }, ["cpu.max 50000 100000"]],
    ["quota and period", { cpu: { quota: 5000, period: 10000 } }, ["cpu.max 5000 10000"]],
    ["period alone", { cpu: { period: 10000 } }, ["cpu.max max 10000"]],
    ["quota -1", { cpu: { quota: -1, period: 10000 } }, ["cpu.max max 10000"]],
    ["burst alone", { cpu: { burst: 500 } }, ["cpu.max.burst 500"]],
    [
      "burst on either side of the quota",
      { cpu: { burst: 500, quota: 1000 } },
      ["cpu.max.burst 500", "cpu.max 1000 100000", "cpu.max.burst 500"],
    ],
    ["idle has no weight", { cpu: { idle: 1, shares: 2048 } }, ["cpu.idle 1"]],
    ["not idle any more", { cpu: { idle: 0, shares: 2 } }, ["cpu.idle 0", "cpu.weight 1"]],
    ["cpuset", { cpu: { cpus: "0-1,3", mems: "0" } }, ["cpuset.cpus 0-1,3", "cpuset.mems 0"]],

    ["pids", { pids: { limit: 20 } }, ["pids.max 20"]],
    ["pids -1", { pids: { limit: -1 } }, ["pids.max max"]],
    ["pids 0", { pids: { limit: 0 } }, ["pids.max 1"]],

    ["io weight", { blockIO: { weight: 500 } }, ["io.bfq.weight 500"]],
    [
      "io weight of a device",
      { blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 10 }] } },
      ["io.bfq.weight 8:0 10"],
    ],
    [
      "throttles of one device are one line",
      {
        blockIO: {
          throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 100 }],
          throttleWriteBpsDevice: [{ major: 8, minor: 16, rate: 18446744073709551615n }],
          throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 0 }],
          throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 7 }],
        },
      },
      ["io.max 8:0 rbps=100 riops=max wiops=7", "io.max 8:16 wbps=18446744073709551615"],
    ],

    [
      "huge pages",
      { hugepageLimits: [{ pageSize: "2MB", limit: 4194304 }] },
      ["hugetlb.2MB.max 4194304", "hugetlb.2MB.rsvd.max 4194304"],
    ],
    [
      "rdma",
      { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 1000 }, rxe0: { hcaObjects: 1 } } },
      ["rdma.max mlx5_1 hca_handle=3 hca_object=1000", "rdma.max rxe0 hca_object=1"],
    ],

    [
      "unified, line by line",
      { unified: { "io.max": "8:0 rbps=1\n8:16 wbps=2\n", "memory.high": "5" } },
      ["io.max 8:0 rbps=1", "io.max 8:16 wbps=2", "memory.high 5"],
    ],
    ["unified, empty value", { unified: { "cpuset.cpus": "" } }, ["cpuset.cpus \n"]],

    [
      "in order, unified last",
      {
        unified: { "pids.max": "9" },
        rdma: { a: { hcaHandles: 1 } },
        hugepageLimits: [{ pageSize: "1GB", limit: 0 }],
        cpu: { shares: 2, cpus: "0" },
        blockIO: { weight: 10 },
        memory: { limit: 1 },
        pids: { limit: 1 },
      },
      [
        "pids.max 1",
        "memory.max 1",
        "io.bfq.weight 10",
        "cpu.weight 1",
        "cpuset.cpus 0",
        "hugetlb.1GB.max 0",
        "hugetlb.1GB.rsvd.max 0",
        "rdma.max a hca_handle=1",
        "pids.max 9",
      ],
    ],
  ];
  for (const [what, input, output] of table) {
    test(what, () => expect(lines(input)).toEqual(output));
  }

  test("without BFQ the weight goes onto the scale of io.weight", () => {
    const [all, one] = compile({
      blockIO: { weight: 1000, weightDevice: [{ major: 8, minor: 0, weight: 10 }] },
    });
    expect(all?.otherwise).toEqual({ file: "io.weight", value: "default 10000" });
    expect(one?.otherwise).toEqual({ file: "io.weight", value: "8:0 1" });
  });

  test("a missing swap file does not matter where no swap is what was asked for", () => {
    expect(compile({ memory: { limit: 5, swap: 5 } })[0]?.ignore).toEqual(["ENOENT"]);
    expect(compile({ memory: { limit: 5, swap: -1 } })[0]?.ignore).toEqual(["ENOENT"]);
    expect(compile({ memory: { limit: 5, swap: 6 } })[0]?.ignore).toEqual([]);
  });
});

describe("a missing controller", () => {
  const table: [what: string, input: object, property: string, controller: string][] = [
    ["memory limit", { memory: { limit: 5 } }, "linux.resources.memory.limit", "memory"],
    ["no swap", { memory: { limit: 5, swap: 5 } }, "linux.resources.memory.swap", "memory"],
    ["reservation", { memory: { reservation: 5 } }, "linux.resources.memory.reservation", "memory"],
    ["pids", { pids: { limit: 5 } }, "linux.resources.pids.limit", "pids"],
    ["shares", { cpu: { shares: 512 } }, "linux.resources.cpu.shares", "cpu"],
    ["quota", { cpu: { quota: 5000 } }, "linux.resources.cpu.quota", "cpu"],
    ["burst", { cpu: { burst: 5 } }, "linux.resources.cpu.burst", "cpu"],
    ["cpus", { cpu: { cpus: "0" } }, "linux.resources.cpu.cpus", "cpuset"],
    ["weight", { blockIO: { weight: 100 } }, "linux.resources.blockIO.weight", "io"],
    [
      "throttle",
      { blockIO: { throttleReadBpsDevice: [{ major: 1, minor: 2, rate: 3 }] } },
      "linux.resources.blockIO.throttleReadBpsDevice[0]",
      "io",
    ],
    [
      "huge pages",
      { hugepageLimits: [{ pageSize: "2MB", limit: 0 }] },
      "linux.resources.hugepageLimits[0]",
      "hugetlb",
    ],
    ["rdma", { rdma: { x: { hcaHandles: 1 } } }, "linux.resources.rdma.x", "rdma"],
    ["unified", { unified: { "memory.high": "5" } }, 'linux.resources.unified["memory.high"]', "memory"],
  ];
  for (const [what, input, property, controller] of table) {
    test(`${what}: an error that names both`, () => {
      expect(() => compile(input, new Set())).toThrow(
        expect.objectContaining({
          name: "RuntError",
          kind: "FailedPrecondition",
          message: `config.json: ${property}: the ${controller} controller is not available in cgroup /c`,
          site: expect.objectContaining({ subject: `config.json: ${property}` }),
        }),
      );
    });
  }

  for (const [what, input] of [
    ["memory -1", { memory: { limit: -1, swap: -1, reservation: -1 } }],
    ["pids -1", { pids: { limit: -1 } }],
    ["quota -1", { cpu: { quota: -1, period: 100000, burst: 0, idle: 0 } }],
    ["the usual shares", { cpu: { shares: 1024 } }],
    ["no huge page limit", { hugepageLimits: [{ pageSize: "2MB", limit: 9223372036854771712n }] }],
    ["max by unified", { unified: { "memory.max": "max", "cpu.max": "max 100000" } }],
  ] as const) {
    test(`${what} asks for nothing`, () => expect(lines(input, new Set())).toEqual([]));
  }

  test("files of the cgroup core need none", () => {
    const unified = { "cgroup.max.descendants": "3", "memory.pressure": "some 150000 1000000" };
    expect(lines({ unified }, new Set())).toHaveLength(2);
  });
});

describe("limits that contradict each other", () => {
  for (const [what, input, message] of [
    [
      "swap without memory",
      { memory: { swap: 5 } },
      /memory\.swap: unable to set swap limit without memory limit/,
    ],
    [
      "swap below memory",
      { memory: { limit: 5, swap: 4 } },
      /memory\.swap: memory\+swap limit should be >= memory/,
    ],
    [
      "unified key with a slash",
      { unified: { "../x.y": "1" } },
      /unified\["\.\.\/x\.y"\]: must be a file name/,
    ],
    ["unified key without controller", { unified: { x: "1" } }, /unified\.x: must be in the form CONTROLLER/],
  ] as const) {
    test(what, () => {
      const error = expect.objectContaining({
        kind: "InvalidArgument",
        message: expect.stringMatching(message),
      });
      expect(() => compile(input)).toThrow(error);
    });
  }
});

test("cpu.weight: the least, the usual and the greatest shares keep their meaning", () => {
  const curve = [0, 1, 2, 3, 10, 100, 512, 1024, 2048, 4096, 102400, 262143, 262144, 1e9].map(cpuWeight);
  expect(curve).toEqual([undefined, 1, 1, 2, 4, 17, 59, 100, 174, 303, 4429, 10000, 10000, 10000]);
});

test("io.weight", () => {
  expect([10, 100, 500, 1000].map(ioWeight)).toEqual([1, 910, 4950, 10000]);
});

describe("checkBeforeUpdate", () => {
  const check = (memory: object, current: bigint | undefined) => () =>
    checkUsage(resources({ memory: { checkBeforeUpdate: true, ...memory } }).memory, current, origin);

  test("a limit at or below usage is refused", () => {
    expect(check({ limit: 100 }, 100n)).toThrow("rejecting memory limit 100 <= usage 100");
    expect(check({ limit: 50, swap: 90 }, 100n)).toThrow("rejecting memory+swap limit 90 <= usage 100");
  });

  test("more than usage, no limit, or usage unknown is fine", () => {
    expect(check({ limit: 101 }, 100n)).not.toThrow();
    expect(check({ limit: -1, swap: -1 }, 100n)).not.toThrow();
    expect(check({ limit: 1 }, undefined)).not.toThrow();
    expect(check({ limit: 1, checkBeforeUpdate: false }, 100n)).not.toThrow();
  });
});

test("what only cgroup v1 has is passed over, and can be told", () => {
  const value = {
    memory: { kernel: 5, swappiness: 0 },
    cpu: { realtimeRuntime: 5 },
    network: { classID: 1 },
  };
  expect(lines(value)).toEqual([]);
  expect(ignoredResources(resources(value))).toEqual([
    "linux.resources.memory.kernel",
    "linux.resources.cpu.realtimeRuntime",
    "linux.resources.network",
  ]);
});

test("memory, io and the like rule out a threaded cgroup; cpu and pids do not", () => {
  expect(domainControllerOf(compile({ cpu: { quota: 5 }, pids: { limit: 5 } }))).toBeUndefined();
  expect(domainControllerOf(compile({ cpu: { quota: 5 }, memory: { limit: 5 } }))).toBe("memory");
  expect(domainControllerOf(compile({ memory: { limit: -1 } }))).toBeUndefined();
});
