/** Which directories of an overlay are covered by idmapped copies. */
import { expect, test } from "vitest";
import { layerDirectories } from "../../../src/runtime/plan/overlay.ts";

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
