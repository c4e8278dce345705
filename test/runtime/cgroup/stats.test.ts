import { describe, expect, test } from "vitest";
import { restoringLines } from "../../../src/runtime/cgroup/apply.ts";
import { count, flatKeyed, nestedKeyed, plus, pressure } from "../../../src/runtime/cgroup/stats/files.ts";

describe("formats of cgroup v2 files", () => {
  test("numbers stay exact", () => {
    expect(count("5\n")).toBe(5);
    expect(count("9007199254740993\n")).toBe(9007199254740993n);
    expect(count("max\n")).toBe(2n ** 64n - 1n);
    expect(plus(9007199254740991, 2)).toBe(9007199254740993n);
    expect(plus(1, 2)).toBe(3);
  });

  test("flat keyed: memory.stat", () => {
    expect(flatKeyed("anon 4096\nfile 0\npgfault 18446744073709551615\n")).toEqual({
      anon: 4096,
      file: 0,
      pgfault: 18446744073709551615n,
    });
  });

  test("nested keyed: io.stat, also a device without figures", () => {
    expect(nestedKeyed("8:0 rbytes=1 wbytes=2\n259:0 \n")).toEqual([
      {
        key: "8:0",
        values: [
          ["rbytes", "1"],
          ["wbytes", "2"],
        ],
      },
      { key: "259:0", values: [] },
    ]);
  });

  test("pressure; a line of zeros is there too, as with other runtimes", () => {
    const text =
      "some avg10=1.50 avg60=0.10 avg300=0.00 total=5000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
    expect(pressure(text)).toEqual({
      some: { avg10: 1.5, avg60: 0.1, avg300: 0, total: 5000 },
      full: { avg10: 0, avg60: 0, avg300: 0, total: 0 },
    });
    expect(pressure(undefined)).toBeUndefined();
  });
});

describe("what brings a file back to what it said", () => {
  for (const [file, old, written, expected] of [
    ["memory.max", "max\n", "5", ["max"]],
    ["cpu.max", "max 100000\n", "1 2", ["max 100000"]],
    ["cpuset.cpus", "\n", "0", ["\n"]],
    ["cpuset.cpus", "0-1\n", "0", ["0-1"]],
    ["io.max", "", "8:0 rbps=5 wiops=7", ["8:0 rbps=max wiops=max"]],
    [
      "io.max",
      "8:0 rbps=1 wbps=max riops=max wiops=max\n",
      "8:0 rbps=5",
      ["8:0 rbps=1 wbps=max riops=max wiops=max"],
    ],
    ["io.weight", "default 100\n8:0 50\n", "8:0 70", ["8:0 50"]],
    ["io.weight", "default 100\n", "8:0 70", ["8:0 default"]],
    ["io.weight", "default 100\n8:0 50\n", "default 70", ["default 100"]],
    [
      "rdma.max",
      "mlx4_0 hca_handle=2 hca_object=max\n",
      "mlx4_0 hca_handle=9",
      ["mlx4_0 hca_handle=2 hca_object=max"],
    ],
  ] as const) {
    test(`${file}: "${written}" over ${JSON.stringify(old)}`, () => {
      expect(restoringLines(file, old, written)).toEqual(expected);
    });
  }
});
