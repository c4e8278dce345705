/** Owners in a user namespace and outside. */
import { describe, expect, test } from "vitest";
import { IdMap, parseIdMap } from "../../../src/engine/container/id-map.ts";

describe("user_namespaces(7)", () => {
  test("a map that changes nothing is none", () => {
    expect(parseIdMap("         0          0 4294967295\n")).toEqual([]);
    const same = IdMap.ofProcess(process.pid);
    expect(same.toHost({ uid: 5, gid: 6 })).toEqual({ uid: 5, gid: 6 });
    expect(IdMap.same.toContainer({ uid: 5, gid: 6 })).toEqual({ uid: 5, gid: 6 });
  });

  test("lines of /proc/PID/uid_map", () => {
    expect(parseIdMap("  0  100000  65536\n  65536 5 1\n")).toEqual([
      { inside: 0, outside: 100_000, length: 65_536 },
      { inside: 65_536, outside: 5, length: 1 },
    ]);
  });
});
