/** What a monitor's exit command does: the container's end, and its next beginning. */
import { RuntError } from "../errors.ts";
import { lockContainer } from "./container/lock.ts";
import { startLocked } from "./container/start.ts";
import type { EngineContext } from "./context.ts";
import { type MonitorExit, readExit } from "./monitor/records.ts";
import { afterRestart, restartRequest } from "./monitor/restart-policy.ts";
import type { ContainerRecord } from "./record.ts";
import { settle } from "./settle.ts";

/**
 * Runs in the process that was the container's monitor: by its pid it knows which run it is about. In any other process
 * it does what is to be done all the same, but starts nothing again.
 */
export async function afterExit(context: EngineContext, id: string): Promise<void> {
  try {
    using lock = await lockContainer(context, id, "after-exit");
    const { record } = lock;
    const { monitor } = record.run;
    const wasMonitor = monitor?.pid === process.pid;
    const exit = readExit(context.layout.container(id));
    const settled = await settle(context, record, wasMonitor ? "exit command" : "another");
    if (settled.status !== "exited" || record.status === "exited") return;
    const restartMs = restartDelay(record, exit);
    if (wasMonitor && restartMs !== undefined && !settled.run.stoppedByUser) {
      using _started = await startLocked(context, settled, {
        restarts: afterRestart(settled.run.restarts, restartMs),
        waiting: "blocking",
      });
    }
  } catch (error) {
    // Somebody has removed it.
    if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
  }
}

/**
 * After how many ms it begins again. A monitor starts nothing again whose program it has not seen run; but who was killed
 * just as it was to run is taken for running by whoever started it, and so the policy holds for it too.
 */
function restartDelay({ request, run }: ContainerRecord, exit: MonitorExit | undefined): number | undefined {
  if (!exit || exit.executed || exit.error !== undefined) return exit?.restartMs;
  const { on, laterMs } = restartRequest(request.restart, run.restarts);
  return on === "never" ? undefined : laterMs;
}
