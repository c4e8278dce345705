/** Which directories of an overlay are covered by idmapped copies, and with which maps. */
import { describe, expect, test } from "vitest";
import { layerDirectories, layerMapping } from "../../../src/runtime/plan/overlay.ts";

test.each([
  [
    ["lowerdir=/a:/b", "upperdir=/c/up", "workdir=/c/work"],
    ["/c", "/a", "/b"],
  ],
  // What lies in another one is covered with it.
  [
    ["lowerdir=/c/init:/b", "upperdir=/c/up", "workdir=/c/work"],
    ["/c", "/b"],
  ],
  [["lowerdir=/x\\:y:/b\\\\c"], ["/x:y", "/b\\c"]],
  [
    ["lowerdir+=/a:b", "lowerdir+=/c", "index=off"],
    ["/a:b", "/c"],
  ],
  [["lowerdir=/a::/data"], ["/a", "/data"]],
  [
    ["lowerdir=/a", "upperdir=/m/one/up", "workdir=/m/two/work"],
    ["/m", "/a"],
  ],
  [["lowerdir=/a:/ab"], ["/a", "/ab"]],
  [
    ["lowerdir=/a,b", "upperdir=/c\\,d/up", "workdir=/c\\,d/work"],
    ["/c,d", "/a,b"],
  ],
])("%j", (options, directories) => {
  expect(layerDirectories(options)).toEqual(directories);
});

describe("the map of a layer", () => {
  const line = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });
  const last = 4_294_967_294;

  test("the host's root has the last id, unless it is somebody in the container", () => {
    expect(layerMapping([line(0, 100_000, 10)])).toEqual([line(0, 100_000, 10), line(last, 0, 1)]);
    const own = [line(1, 100_000, 10), line(0, 0, 1)];
    expect(layerMapping(own)).toEqual(own);
    expect(layerMapping([line(last, 0, 1)])).toEqual([line(last, 0, 1)]);
  });

  test("no map where that id, or the last line, is taken", () => {
    expect(layerMapping([line(0, 1, last)])).toHaveLength(2);
    expect(layerMapping([line(0, 1, last + 1)])).toBeUndefined();
    expect(layerMapping([line(last, 1, 1)])).toBeUndefined();
    const lines = Array.from({ length: 340 }, (_, i) => line(i, i + 1, 1));
    expect(layerMapping(lines)).toBeUndefined();
    expect(layerMapping(lines.slice(1))).toHaveLength(340);
  });
});
