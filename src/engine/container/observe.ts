/** What a container does, as the kernel and its monitor's records say; nothing is changed. */
import { isAlive } from "../../linux/process.ts";
import { exitCode } from "../../runtime/create/exit-status.ts";
import { bootId, type EngineContext } from "../context.ts";
import { type MonitorExit, readExit } from "../monitor/records.ts";
import type { ContainerStatus, ProcessId, RunState } from "../record.ts";
import type { ListedRecord } from "../store/containers.ts";
import { timestampOf } from "../time.ts";

export interface Observed {
  readonly status: ContainerStatus;
  /** As it is, or will be recorded. */
  readonly run: RunState;
  /** Whether what is recorded is not true any more, and nobody is about to put it right. */
  readonly stale: boolean;
}

/** What a process that is to be lost without a record ended with: its init was killed with its monitor. */
const lostCode = 137;
/** What docker says after the machine went down. */
const rebootCode = 255;

export function observe(context: EngineContext, record: ListedRecord): Observed {
  const { status, run } = record;
  switch (status) {
    case "created":
    case "exited":
    case "removing":
      return { status, run, stale: false };
    case "creating":
      return { status: "created", run, stale: false };
    default:
  }
  if (isOurs(run, run.init)) return { status, run, stale: false };
  const attended = isOurs(run, run.monitor);
  // Looked at only now: it is written before the monitor ends.
  const exit = readExit(context.layout.container(record.id));
  // How it has ended will be known in a moment.
  if (!exit && attended) return { status, run, stale: false };
  if (exit?.restartMs !== undefined && attended) {
    return { status: "restarting", run: { ...ended(run, exit) }, stale: false };
  }
  return { status: "exited", run: ended(run, exit), stale: !attended };
}

/** Whether that very process is there, in this boot of the machine. */
export function isOurs(run: RunState, process: ProcessId | undefined): boolean {
  return process !== undefined && run.bootId === bootId() && isAlive(process.pid, process.startTime);
}

/** Whether it runs, and the process that carries its published ports does not: somebody has killed that. */
export function lacksProxy({ run }: { readonly run: RunState }): boolean {
  const proxy = run.network?.proxy;
  return proxy !== undefined && isOurs(run, run.init) && !isOurs(run, proxy);
}

/** The state of a run that has ended. @param exit undefined: nobody knows how */
export function ended(run: RunState, exit: MonitorExit | undefined): RunState {
  const base = { ...run, init: undefined, monitor: undefined };
  if (!exit) {
    const rebooted = run.bootId !== bootId();
    const error = rebooted ? "the machine went down" : "its monitor was killed, and the container with it";
    return {
      ...base,
      exitCode: rebooted ? rebootCode : lostCode,
      error,
      finished: run.finished || run.started,
    };
  }
  return {
    ...base,
    exitCode: exit.executed
      ? exitCode(exit.status)
      : exit.error === "ENOENT"
        ? 127
        : exit.error
          ? 126
          : exitCode(exit.status),
    finished: timestampOf(exit.finishedNs),
    ...(exit.startedNs > 0n && { started: timestampOf(exit.startedNs) }),
    oomKilled: exit.oomKills > 0,
  };
}
