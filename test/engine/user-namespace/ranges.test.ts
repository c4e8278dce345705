/** Which ids a container gets: pure, and tried on many. */
import { describe, expect, test } from "vitest";
import { allot, mapInOrder, without } from "../../../src/engine/user-namespace/ranges.ts";
import { neededIds } from "../../../src/engine/user-namespace/size.ts";

const line = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });

describe("allot", () => {
  const pool = [{ first: 1000, count: 100 }];

  test("the first range that is long enough", () => {
    expect(allot(10, [], pool, [])).toEqual([line(0, 1000, 10)]);
    expect(allot(10, [], pool, [{ first: 1005, count: 10 }])).toEqual([line(0, 1015, 10)]);
    expect(allot(5, [], pool, [{ first: 1005, count: 10 }])).toEqual([line(0, 1000, 5)]);
  });

  test("in pieces where no range is", () => {
    const taken = [{ first: 1005, count: 90 }];
    expect(allot(10, [], pool, taken)).toEqual([line(0, 1000, 5), line(5, 1095, 5)]);
    expect(allot(11, [], pool, taken)).toBeUndefined();
  });

  test("ids that two lines give are there once", () => {
    const range = { first: 1000, count: 5 };
    const overlapping = [range, range, { first: 1003, count: 10 }];
    expect(allot(10, [], overlapping, [])).toEqual([line(0, 1000, 5), line(5, 1005, 5)]);
    expect(allot(14, [], overlapping, [])).toBeUndefined();
  });

  test("what is said stays, and its ids are given to nobody else", () => {
    expect(allot(10, [line(3, 1000, 2)], pool, [])).toEqual([
      line(0, 1002, 3),
      line(3, 1000, 2),
      line(5, 1005, 5),
    ]);
  });

  test("whatever is taken: never an id twice, on either side, and none that is not there", () => {
    for (let seed = 1; seed < 300; seed++) {
      const random = (n: number) => ((seed * 7919 + n * 104_729) % 97) + 1;
      const taken = [1, 2, 3].map((n) => ({ first: 1000 + random(n), count: (random(n + 5) % 20) + 1 }));
      const size = random(9) % 60;
      const maps = allot(size, [], pool, taken);
      const free = without(pool, taken).reduce((sum, { count }) => sum + count, 0);
      expect(maps === undefined).toBe(size > free);
      const ids = (maps ?? []).flatMap((map) =>
        Array.from({ length: map.size }, (_, i) => [map.containerID + i, map.hostID + i] as const),
      );
      expect(ids.map(([inside]) => inside)).toEqual(maps ? Array.from({ length: size }, (_, i) => i) : []);
      expect(new Set(ids.map(([, outside]) => outside)).size).toBe(ids.length);
      for (const [, id] of ids) {
        expect(id >= 1000 && id < 1100).toBe(true);
        expect(taken.some(({ first, count }) => id >= first && id < first + count)).toBe(false);
      }
    }
  });
});

test("mapInOrder: one range after the other", () => {
  expect(
    mapInOrder([
      { first: 50, count: 5 },
      { first: 10, count: 2 },
    ]),
  ).toEqual([line(0, 50, 5), line(5, 10, 2)]);
});

describe("neededIds", () => {
  test.each([
    ["", "", "", 1024],
    ["root:x:0:0::/:/bin/sh\na:x:3000:3001::/:/bin/sh\n", "", "", 3002],
    ["nobody:x:65534:65534::/:/bin/sh\n", "nogroup:x:65534:\nbig:x:5000:\n", "", 5001],
    ["", "", "2000:7", 2001],
    ["", "", "alice", 1024],
    ["a:x:4000000:1::/:/bin/sh\n", "", "", 65_536],
  ])("%j %j %j", (passwd, group, user, count) => {
    expect(neededIds(passwd, group, user)).toBe(count);
  });
});
