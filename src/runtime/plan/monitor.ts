/** What a container's monitor is told before the container exists: `MonitorRequest` as ops. */
import { MonitorInput, Restart } from "../wire/monitor.ts";
import { type Op, Stay } from "../wire/ops.ts";
import type { Plan } from "./plan.ts";

/** A program of the host. The first of `argv` is its absolute path. */
export interface HostCommand {
  readonly argv: readonly string[];
  readonly env: readonly string[];
}

/** All paths are absolute, as the host has them. */
export interface MonitorRequest {
  /** A bound unix stream socket of ours, which the monitor will listen at. */
  readonly socket: number;
  /** For the records `exit`, `health`, `health.N`. */
  readonly directory: string;
  /** The monitor's own; what it may not have it goes without. 0: as ours is. */
  readonly oomScoreAdj: number;
  /** Whether there is a stdin to write to; "once": until the first client with input has left. */
  readonly input: keyof typeof MonitorInput;
  readonly log: LogRequest | undefined;
  /** What the monitor turns into in the end; what it writes to stderr is appended to `errors`. */
  readonly exitCommand: (HostCommand & { readonly errors: string | undefined }) | undefined;
  readonly restart: RestartRequest;
  readonly health: HealthRequest | undefined;
}

export interface LogRequest {
  readonly path: string;
  /** 0: no limit. */
  readonly maxSizeBytes: number;
  /** With 1 the file starts anew; with n there are path.1 … path.(n−1). */
  readonly maxFiles: number;
  /** The CRI leaves out the "\r" of "\r\n"; docker's log has it. */
  readonly carriageReturns: "keep" | "trim";
}

export interface RestartRequest {
  readonly on: keyof typeof Restart;
  /** After a run of at least `longRunMs`. */
  readonly soonMs: number;
  /** After a shorter one. */
  readonly laterMs: number;
  readonly longRunMs: number;
}

export interface HealthRequest extends HostCommand {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many failures in a row make the container unhealthy. */
  readonly retries: number;
  /** In this time after the start failures do not count. */
  readonly startPeriodMs: number;
  /** Between checks in that time; 0: `intervalMs`. */
  readonly startIntervalMs: number;
  /** Run each time that the container gets healthy or unhealthy, with that as one word more. */
  readonly change?: HostCommand | undefined;
}

/** Another OCI runtime, which is to make the container in place of the monitor. */
export interface RuntimeRequest extends HostCommand {
  /** What its `create` writes init's pid to. */
  readonly pidFile: string;
  /** A bound unix stream socket of ours, as its `--console-socket`, where the process has a terminal. */
  readonly consoleSocket: number | undefined;
}

/** The plan of a container that another runtime makes: all that is left to do is to watch it. */
export function planForeign(
  request: MonitorRequest,
  runtime: RuntimeRequest,
  memoryEvents: string | undefined,
): Plan {
  const console = runtime.consoleSocket === undefined ? null : "console";
  const ops = monitorOps(request, memoryEvents, undefined);
  return {
    before: [
      { step: "inherit", slot: "monitor", fd: request.socket },
      ...(console ? [{ step: "inherit", slot: console, fd: runtime.consoleSocket! } as const] : []),
    ],
    program: {
      cloneFlags: 0,
      cgroup: null,
      stay: Stay.monitor,
      dieWithRuntime: false,
      inherited: ["monitor", ...(console ? [console] : [])],
      ops: {
        shim: [
          // With a terminal the runtime's own streams are nobody's.
          ...(console ? ops.filter(({ op }) => op !== "monitor_pipes") : ops),
          {
            op: "monitor_runtime",
            argv: runtime.argv,
            env: runtime.env,
            pid_file: runtime.pidFile,
            console,
            at: "runtime",
          },
        ],
        parent: [],
        init: [],
        late: [],
      },
    },
    atSync: {},
    warnings: [],
  };
}

/**
 * @param memoryEvents where the container's cgroup tells of OOM kills, if it has one
 * @param terminal slot that gets what the terminal is sent to; undefined: pipes
 */
export function monitorOps(
  request: MonitorRequest,
  memoryEvents: string | undefined,
  terminal: string | undefined,
): Op[] {
  const { log, exitCommand, restart, health } = request;
  const ops: Op[] = [
    { op: "monitor", socket: "monitor", directory: request.directory, oom_score: request.oomScoreAdj },
    terminal === undefined
      ? { op: "monitor_pipes", input: MonitorInput[request.input] }
      : { op: "monitor_terminal", out: terminal },
  ];
  if (log) {
    ops.push({
      op: "monitor_log",
      path: log.path,
      max_size: log.maxSizeBytes,
      max_files: log.maxFiles,
      trim_cr: log.carriageReturns === "trim" ? 1 : 0,
    });
  }
  if (memoryEvents !== undefined) ops.push({ op: "monitor_oom", events: memoryEvents });
  if (exitCommand) {
    const { argv, env, errors = "" } = exitCommand;
    ops.push({ op: "monitor_exit", argv, env, errors });
  }
  ops.push({
    op: "monitor_restart",
    on: Restart[restart.on],
    soon_ms: restart.soonMs,
    later_ms: restart.laterMs,
    long_run_ms: restart.longRunMs,
  });
  if (health) {
    ops.push(
      {
        op: "monitor_health",
        argv: health.argv,
        env: health.env,
        interval_ms: health.intervalMs,
        timeout_ms: health.timeoutMs,
        retries: health.retries,
      },
      { op: "monitor_health_start", period_ms: health.startPeriodMs, interval_ms: health.startIntervalMs },
    );
    if (health.change) {
      const { argv, env } = health.change;
      ops.push({ op: "monitor_health_change", argv, env });
    }
  }
  return ops;
}
