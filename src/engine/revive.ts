/** Starts what a restart policy wants to be running, once after the machine has started. */
import { messageOf } from "../errors.ts";
import { startContainer } from "./container/start.ts";
import type { EngineContext } from "./context.ts";
import { reconcileAll } from "./reconcile.ts";

/**
 * "always" counts whatever has been before; "unless-stopped" unless somebody has stopped it; "on-failure" where it
 * was running when the machine went down.
 * @returns IDs of those that run now
 */
export async function reviveContainers(context: EngineContext): Promise<string[]> {
  await reconcileAll(context);
  const revived: string[] = [];
  for (const { id, name, status } of context.store.containers.list()) {
    if (status !== "exited") continue;
    const record = context.store.containers.get(id);
    if (!record) continue;
    const { restart } = record.request;
    const { stoppedByUser, exitCode } = record.run;
    const wanted =
      restart.name === "always" ||
      (restart.name === "unless-stopped" && !stoppedByUser) ||
      (restart.name === "on-failure" && !stoppedByUser && exitCode !== 0);
    if (!wanted) continue;
    try {
      using _started = await startContainer(context, id);
      revived.push(id);
    } catch (error) {
      context.log("warning", `container ${name}: ${messageOf(error)}`);
    }
  }
  return revived;
}
