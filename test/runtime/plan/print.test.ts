import { describe, expect, test } from "vitest";
import { formatPlan, planBundle } from "../../../src/runtime/plan/print.ts";
import { aBundle } from "../../support/bundle.ts";
import { aContext } from "../../support/container.ts";
import { asRoot } from "../../support/needs.ts";
import { aPlanOf } from "./context.ts";

describe("runt plan", () => {
  test("each op has its number, and the part of config.json that asked for it", () => {
    const text = formatPlan(aPlanOf({ mounts: [{ destination: "/proc", type: "proc", source: "proc" }] }));
    const lines = text.split("\n");
    const numbers = lines.flatMap((line) => /^ *(\d+) /.exec(line)?.[1] ?? []).map(Number);
    expect(numbers.length).toBeGreaterThan(20);
    expect(numbers).toEqual(numbers.map((_, i) => i));
    expect(lines.find((line) => / fsmount /.test(line))).toMatch(/^ *\d+ mounts\[0\] +fsmount .*type=proc/);
    expect(text).toMatch(/clone3 .*CLONE_INTO_CGROUP/);
  });

  test("the numbers are those of error messages: fallbacks count", () => {
    const plan = aPlanOf(
      { process: { apparmorProfile: "p" } },
      { host: { lsm: { apparmor: true, selinux: false } } },
    );
    const [, first, second] =
      /\n *(\d+) .* lsm_label .*\n *(\d+) .*if that fails: lsm_label/.exec(formatPlan(plan)) ?? [];
    expect(Number(second)).toBe(Number(first) + 1);
  });

  test("warnings come last", () => {
    expect(formatPlan(aPlanOf({ process: { capabilities: { bounding: ["CAP_X"] } } }))).toMatch(
      /\nwarning: .*CAP_X\n$/,
    );
  });

  asRoot("of a bundle: nothing is done", async () => {
    await using bundle = await aBundle();
    const { readMountInfo } = await import("../../../src/linux/mountinfo.ts");
    const before = readMountInfo().length;
    const text = formatPlan(await planBundle(bundle.path, { context: aContext() }));
    expect(text).toContain(bundle.rootfs);
    expect(readMountInfo()).toHaveLength(before);
    const { existsSync } = await import("node:fs");
    expect(existsSync(aContext().root)).toBe(false);
  });
});
