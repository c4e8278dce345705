/** A signal to a container's program, and what of it is remembered. */
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { MonitorClient } from "../monitor/client.ts";
import { ociRuntime } from "../oci/oci.ts";
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
  record: ContainerRecord,
  signal: number,
): Promise<boolean> {
  try {
    const oci = await ociRuntime(context, record);
    await oci.kill(signal);
    // Frozen it would not hear of it; a frozen one can be killed.
    if (record.status === "paused") await oci.resume();
    return true;
  } catch (error) {
    if (error instanceof RuntError && (error.kind === "FailedPrecondition" || error.kind === "NotFound"))
      return false;
    throw error;
  }
}
