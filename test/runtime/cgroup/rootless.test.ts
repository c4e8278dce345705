import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { Script } from "../../support/script.ts";
import { skipWithout } from "./skip.ts";
import type { PlanOptions } from "./support.ts";

const nobody = "65534";

/** What becomes of the cgroup of a container that an ordinary user makes. */
function asNobody(options: PlanOptions): string {
  using script = new Script(`
    import { aPlan } from "./test/runtime/cgroup/support.ts";
    import { driverFor, requireCgroup } from "./src/runtime/cgroup/driver.ts";
    const driver = driverFor(aPlan(${JSON.stringify({ rootless: true, ...options })}));
    try {
      await driver.prepare();
      await driver.apply();
      console.log(driver.placement, JSON.stringify(driver.state.path));
      await driver.undo();
      requireCgroup(driver, "pause");
    } catch (error) {
      console.log(error.kind, error.message);
    }
  `);
  const as = ["--reuid", nobody, "--regid", nobody, "--clear-groups", process.execPath, script.path];
  return execFileSync("setpriv", as, { encoding: "utf8", cwd: "/", env: {} });
}

describe("an ordinary user without a cgroup to write to", { timeout: 120_000 }, () => {
  skipWithout("root", "cgroup2", "program:setpriv");
  test("asking for none, has none", () => {
    expect(asNobody({ cgroupsPath: "" })).toBe(
      'none ""\nFailedPrecondition cannot pause: the container has no cgroup\n',
    );
  });

  test("asking for a place, gets an error", () => {
    expect(asNobody({ cgroupsPath: "/runt-test-nobody" })).toMatch(
      /^PermissionDenied cannot make cgroup \/runt-test-nobody: permission denied\n$/,
    );
  });

  test("asking for a limit, gets an error that tells the rule", () => {
    expect(asNobody({ cgroupsPath: "", resources: { unified: { "cgroup.max.depth": "5" } } })).toMatch(
      /^PermissionDenied rootless needs no limits \+ no cgrouppath when no permission is granted for cgroups: cannot make/,
    );
  });
});
