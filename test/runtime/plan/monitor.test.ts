import { describe, expect, test } from "vitest";
import { type MonitorRequest, monitorOps, planForeign } from "../../../src/runtime/plan/monitor.ts";

const least: MonitorRequest = {
  socket: 7,
  directory: "/run/m",
  oomScoreAdj: -999,
  input: "none",
  log: undefined,
  exitCommand: undefined,
  restart: { on: "never", soonMs: 1, laterMs: 2, longRunMs: 3 },
  health: undefined,
};

describe("plan — the monitor", () => {
  test("the least that can be asked for", () => {
    expect(monitorOps(least, undefined, undefined)).toEqual([
      { op: "monitor", socket: "monitor", directory: "/run/m", oom_score: -999 },
      { op: "monitor_pipes", input: 0 },
      { op: "monitor_restart", on: 0, soon_ms: 1, later_ms: 2, long_run_ms: 3 },
    ]);
  });

  test("everything", () => {
    const ops = monitorOps(
      {
        ...least,
        input: "once",
        log: { path: "/log", maxSizeBytes: 10, maxFiles: 2, carriageReturns: "trim" },
        exitCommand: { argv: ["/bin/runt", "x"], env: ["A=b"], errors: undefined },
        restart: { on: "onFailure", soonMs: 1, laterMs: 2, longRunMs: 3 },
        health: {
          argv: ["/check"],
          env: [],
          intervalMs: 1,
          timeoutMs: 2,
          retries: 3,
          startPeriodMs: 4,
          startIntervalMs: 5,
        },
      },
      "/sys/fs/cgroup/x/memory.events",
      "console",
    );
    expect(ops.slice(1)).toEqual([
      { op: "monitor_terminal", out: "console" },
      { op: "monitor_log", path: "/log", max_size: 10, max_files: 2, trim_cr: 1 },
      { op: "monitor_oom", events: "/sys/fs/cgroup/x/memory.events" },
      { op: "monitor_exit", argv: ["/bin/runt", "x"], env: ["A=b"], errors: "" },
      { op: "monitor_restart", on: 1, soon_ms: 1, later_ms: 2, long_run_ms: 3 },
      { op: "monitor_health", argv: ["/check"], env: [], interval_ms: 1, timeout_ms: 2, retries: 3 },
      { op: "monitor_health_start", period_ms: 4, interval_ms: 5 },
    ]);
  });

  test("of another runtime: nothing is cloned, and with a terminal there are no pipes", () => {
    const runtime = { argv: ["/runc"], env: [], pidFile: "/pid", consoleSocket: undefined };
    const names = (consoleSocket: number | undefined): string[] =>
      planForeign(least, { ...runtime, consoleSocket }, undefined).program.ops.shim.map(({ op }) => op);
    expect(names(undefined)).toEqual(["monitor", "monitor_pipes", "monitor_restart", "monitor_runtime"]);
    expect(names(9)).toEqual(["monitor", "monitor_restart", "monitor_runtime"]);
    expect(planForeign(least, runtime, undefined).program.ops.init).toEqual([]);
  });
});
