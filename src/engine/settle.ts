/**
 * What follows from a container's end: its record, its cgroup and state, its network. Whoever comes first does it: the
 * client that waits, the exit command, or the next command that meets the container. Whoever comes later finds it done.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { eventOf } from "./container/event.ts";
import { ended, isOurs } from "./container/observe.ts";
import { finishRemoval, thisProcess } from "./container/removal.ts";
import type { EngineContext } from "./context.ts";
import { type MonitorExit, readExit } from "./monitor/records.ts";
import { ociRuntime } from "./oci/oci.ts";
import type { ContainerRecord, RunState } from "./record.ts";

/** Who asks: the exit command of that very run, which may start it again; another process. */
export type Settler = "exit command" | "another";

/** How long a monitor may take from its container's end to its record of that. */
const recordMs = 5000;

/**
 * The container as it is. The caller has its lock.
 * @returns the record; with the status "running" or "paused" where it runs, or waits to be started again; "removing"
 *   where its end was its removal
 */
export async function settle(
  context: EngineContext,
  record: ContainerRecord,
  by: Settler,
): Promise<ContainerRecord> {
  const { status, run } = record;
  if (status !== "running" && status !== "paused") return record;
  if (isOurs(run, run.init)) return record;
  const exit = await exitOf(context, record);
  // It waits to be started again, and who waits for that is there.
  if (exit?.restartMs !== undefined && by === "another" && isOurs(run, run.monitor)) return record;
  return await recordEnd(context, record, exit);
}

async function exitOf(
  { layout }: EngineContext,
  { id, run }: ContainerRecord,
): Promise<MonitorExit | undefined> {
  for (let waited = 0; ; waited += 2) {
    const isWatched = isOurs(run, run.monitor);
    // Looked at only now: it is written before the monitor ends.
    const exit = readExit(layout.container(id));
    if (exit || !isWatched || waited > recordMs) return exit;
    await sleep(2);
  }
}

/**
 * Takes apart what the kernel has of it, and writes down how it ended.
 * @returns with --rm the status "removing", and then it is gone
 */
export async function recordEnd(
  context: EngineContext,
  record: ContainerRecord,
  exit: MonitorExit | undefined,
): Promise<ContainerRecord> {
  const { id } = record;
  await (await ociRuntime(context, record)).delete();
  await (await context.network()).teardown(record);
  const run: RunState = { ...ended(record.run, exit), network: undefined };
  // A second transaction for what follows at once would be one too many.
  const status = record.request.autoRemove ? "removing" : "exited";
  const owner = status === "removing" ? thisProcess() : undefined;
  const stopped: ContainerRecord = { ...record, status, run, owner };
  context.store.transaction(() => {
    context.store.containers.update(id, { status, run, ...(owner && { owner }) });
    if (run.oomKilled) context.store.events.append(eventOf(record, "oom"));
    context.store.events.append(eventOf(record, "die", { exitCode: String(run.exitCode) }));
  });
  if (status === "removing") await finishRemoval(context, stopped, { volumes: true, isApart: true });
  return stopped;
}
