/** A signal to a container's program, and what of it is remembered. */
import { RuntError } from "../../errors.ts";
import { killContainer } from "../../runtime/container/kill.ts";
import { resumeContainer } from "../../runtime/container/pause.ts";
import type { EngineContext } from "../context.ts";
import { MonitorClient } from "../monitor/client.ts";
import type { ContainerRecord } from "../record.ts";

/** From now on its restart policy does not count. The caller has the lock. */
export async function suppressRestart(context: EngineContext, record: ContainerRecord): Promise<void> {
  const { id, run } = record;
  context.store.containers.update(id, { run: { ...run, stoppedByUser: true } });
  if (record.request.restart.name === "no") return;
  try {
    using monitor = await MonitorClient.connect(context.layout.container(id));
    await monitor.setRestart("never");
  } catch (error) {
    if (!(error instanceof RuntError)) throw error; // it is about to end anyway
  }
}

/** @returns false where it has ended already */
export async function signalInit(
  context: EngineContext,
  { id, status }: ContainerRecord,
  signal: number,
): Promise<boolean> {
  try {
    await killContainer(context.runtime, id, signal, { all: false });
    // Frozen it would not hear of it; a frozen one can be killed.
    if (status === "paused") await resumeContainer(context.runtime, id);
    return true;
  } catch (error) {
    if (error instanceof RuntError && (error.kind === "FailedPrecondition" || error.kind === "NotFound"))
      return false;
    throw error;
  }
}
