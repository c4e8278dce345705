import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SystemdManager, uidOutside } from "../../../../src/runtime/cgroup/systemd/manager.ts";
import { type FakeAnswer, type FakeCall, FakeSystemd, jobRemoved } from "../../../support/fake-systemd.ts";

const unit = "runt-x.scope";
const job = { signature: "o", body: ["/org/freedesktop/systemd1/job/1"] };
const error = (name: string): FakeAnswer => ({
  error: `org.freedesktop.systemd1.${name}`,
  body: [`${name}!`],
});

let runtime: string;
const saved = { ...process.env };
beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), "runt-xdg-"));
  mkdirSync(join(runtime, "systemd"));
  process.env.XDG_RUNTIME_DIR = runtime;
  delete process.env.DBUS_SESSION_BUS_ADDRESS;
});
afterEach(() => {
  rmSync(runtime, { recursive: true });
  Object.assign(process.env, saved);
});

/** A user's systemd that answers as told, and the usual to what nobody is asked about. */
async function systemd(answers: Record<string, (n: number, call: FakeCall) => FakeAnswer | undefined>) {
  const counts = new Map<string, number>();
  const fake = await FakeSystemd.start((call) => {
    const n = counts.get(call.member) ?? 0;
    counts.set(call.member, n + 1);
    if (call.member === "Get")
      return { signature: "v", body: [{ signature: "s", value: "252.38-1~deb12u1" }] };
    return answers[call.member] ? answers[call.member]!(n, call) : {};
  });
  symlinkSync(fake.path, join(runtime, "systemd/private"));
  return fake;
}

const members = (fake: FakeSystemd) =>
  fake.calls.map((call) => call.member).filter((member) => !["Get", "Subscribe"].includes(member));

describe("the systemd manager over D-Bus", () => {
  test("its version, without what the distribution says", async () => {
    await using _fake = await systemd({});
    using manager = await SystemdManager.connect("user");
    expect(manager.version).toBe(252);
  });

  for (const when of ["before", "after"] as const) {
    test(`a scope is started when its job is done; the signal may come ${when} the answer`, async () => {
      await using fake = await systemd({
        StartTransientUnit: () => ({
          ...job,
          [when]: [jobRemoved("other.scope", "failed"), jobRemoved(unit, "done")],
        }),
      });
      using manager = await SystemdManager.connect("user");
      await manager.startTransientUnit(unit, [["PIDs", { signature: "au", value: [5] }]]);
      expect(fake.calls.at(-1)?.args).toEqual([
        unit,
        "replace",
        [["PIDs", { signature: "au", value: [5] }]],
        [],
      ]);
    });
  }

  test("a unit left over from a failure is forgotten, and tried once more", async () => {
    await using fake = await systemd({
      StartTransientUnit: (n) =>
        n === 0 ? error("UnitExists") : { ...job, after: [jobRemoved(unit, "done")] },
    });
    using manager = await SystemdManager.connect("user");
    await manager.startTransientUnit(unit, []);
    expect(members(fake)).toEqual(["StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"]);
  });

  test("one that really exists is an error", async () => {
    await using _fake = await systemd({ StartTransientUnit: () => error("UnitExists") });
    using manager = await SystemdManager.connect("user");
    const expected = expect.objectContaining({ errorName: "org.freedesktop.systemd1.UnitExists" });
    await expect(manager.startTransientUnit(unit, [])).rejects.toThrow(expected);
  });

  test("a job that fails is an error, and its unit forgotten", async () => {
    await using fake = await systemd({
      StartTransientUnit: () => ({ ...job, after: [jobRemoved(unit, "failed")] }),
    });
    using manager = await SystemdManager.connect("user");
    await expect(manager.startTransientUnit(unit, [])).rejects.toThrow(
      /could not start runt-x\.scope: failed/,
    );
    expect(members(fake)).toEqual(["StartTransientUnit", "ResetFailedUnit"]);
  });

  test("stopping waits for the job; a unit that is gone is fine", async () => {
    await using fake = await systemd({
      StopUnit: (n) => (n === 0 ? { ...job, after: [jobRemoved(unit, "done")] } : error("NoSuchUnit")),
      ResetFailedUnit: () => error("NoSuchUnit"),
    });
    using manager = await SystemdManager.connect("user");
    await manager.stopUnit(unit);
    await manager.stopUnit(unit);
    expect(members(fake)).toEqual(["StopUnit", "ResetFailedUnit", "StopUnit", "ResetFailedUnit"]);
  });

  test("nobody there: an error with what to do", async () => {
    await expect(SystemdManager.connect("user")).rejects.toThrow(
      expect.objectContaining({
        kind: "FailedPrecondition",
        message: expect.stringMatching(/^cannot reach systemd over D-Bus/),
        site: expect.objectContaining({ hint: expect.stringMatching(/cgroupfs/) }),
      }),
    );
  });

  test("without a user namespace we are who we are", () => expect(uidOutside()).toBe(process.geteuid?.()));
});
