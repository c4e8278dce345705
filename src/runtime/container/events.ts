/** `events`: statistics at intervals, and kills for want of memory as they happen. @see runc-events(8) */
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../../linux/process.ts";
import type { ContainerEvent, RuntimeContext } from "../api.ts";
import { driverOf, requireCgroup } from "../cgroup/driver.ts";
import { oomKills } from "../cgroup/oom.ts";
import { cgroupStats } from "../cgroup/stats/stats.ts";
import { type Found, findContainer, wrongState } from "./status.ts";

/** @throws {RuntError} FailedPrecondition: `container not running` */
export function containerStats(context: RuntimeContext, id: string): ContainerEvent {
  const found = findRunning(context, id);
  using driver = driverOf(found.state.cgroup!);
  return { type: "stats", id, data: cgroupStats(requireCgroup(driver, "events")) };
}

function findRunning(context: RuntimeContext, id: string): Found {
  const found = findContainer(context.root, id, "events");
  if (found.status === "stopped" || !found.state.cgroup)
    throw wrongState("events", id, "container not running");
  return found;
}

/** How often memory.events is looked at; the file costs some microseconds. */
const lookMs = 100;

/** Ends when the container does, or with `signal`. */
export async function* containerEvents(
  context: RuntimeContext,
  id: string,
  { intervalMs, signal }: { intervalMs: number; signal?: AbortSignal },
): AsyncGenerator<ContainerEvent> {
  const { state } = findRunning(context, id);
  using driver = driverOf(state.cgroup!);
  const cgroup = requireCgroup(driver, "events");
  const { pid, startTime } = state.init!;
  let kills = oomKills(cgroup);
  let next = 0;
  while (!signal?.aborted) {
    const now = performance.now();
    for (const count = oomKills(cgroup); kills < count; kills++) yield { type: "oom", id };
    if (!isAlive(pid, startTime)) return;
    if (now >= next) {
      yield { type: "stats", id, data: cgroupStats(cgroup) };
      next = now + intervalMs;
    }
    await sleep(Math.min(lookMs, intervalMs), undefined, signal ? { signal } : {}).catch(() => {});
  }
}
