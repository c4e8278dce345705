/** `rm`: the container, its files, and its anonymous volumes. */
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { MonitorClient } from "../monitor/client.ts";
import { readExit } from "../monitor/records.ts";
import { ociRuntime } from "../oci/oci.ts";
import type { ContainerRecord } from "../record.ts";
import { recordEnd, settle } from "../settle.ts";
import { refuse } from "./errors.ts";
import { lockContainer } from "./lock.ts";
import { removeLocked } from "./removal.ts";

export interface RemoveOptions {
  /** Kills it first, where it runs. */
  readonly force?: boolean;
  /** Its anonymous volumes too. */
  readonly volumes?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** @throws {RuntError} NotFound; FailedPrecondition where it runs, and `force` is not given */
export async function removeContainer(
  context: EngineContext,
  text: string,
  options: RemoveOptions = {},
): Promise<void> {
  using lock = await lockContainer(context, text, "rm", options.signal);
  let record = await settle(context, lock.record, "another");
  if (record.status === "running" || record.status === "paused") {
    if (!options.force) {
      const what = `cannot remove container "${record.name}": container is running`;
      throw refuse("rm", record.name, what, "stop the container before removing it, or use --force");
    }
    record = await end(context, record);
  }
  // Its end was its removal.
  if (record.status === "removing") return;
  await removeLocked(context, record, options);
}

/** Kills it, or ends its wait to be started again. */
async function end(context: EngineContext, record: ContainerRecord): Promise<ContainerRecord> {
  const directory = context.layout.container(record.id);
  try {
    using monitor = await MonitorClient.connect(directory);
    await monitor.setRestart("never");
  } catch (error) {
    if (!(error instanceof RuntError)) throw error; // it has gone, or is about to
  }
  await (await ociRuntime(context, record)).delete();
  const settled = await settle(context, record, "exit command");
  const isOver = settled.status === "exited" || settled.status === "removing";
  return isOver ? settled : await recordEnd(context, record, readExit(directory));
}
