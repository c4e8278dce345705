/** The end of a run in the foreground: whoever has waited for it sees to what follows. */
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import type { MonitorExit } from "../monitor/records.ts";
import type { ContainerRecord } from "../record.ts";
import { recordEnd, settle } from "../settle.ts";
import type { Attendance } from "./attend.ts";
import { lockContainer } from "./lock.ts";
import { ended } from "./observe.ts";
import { waitForContainer } from "./wait.ts";

/** @returns the exit code */
export async function finishRun(
  context: EngineContext,
  record: ContainerRecord,
  attachment: { readonly exited: Promise<MonitorExit> } | undefined,
  attendance: Attendance | undefined,
): Promise<number> {
  const exit = await attachment?.exited.catch(() => undefined);
  // Without a word of its monitor: it was killed, or there is nobody to tell us.
  if (!exit) return await waitForContainer(context, record.id);
  const code = ended(record.run, exit).exitCode;
  // It is to be started again, which is its exit command's to do.
  if (exit.restartMs !== undefined) return code;
  try {
    using lock = await lockContainer(context, record.id, "wait");
    // Its monitor has reaped it; another run of it would be somebody else's to end.
    if (isSameRun(lock.record, record)) await recordEnd(context, lock.record, exit);
    else await settle(context, lock.record, "another");
    attendance?.done();
  } catch (error) {
    // Somebody was quicker.
    if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
  }
  return code;
}

function isSameRun({ status, run }: ContainerRecord, { run: { bootId, init } }: ContainerRecord): boolean {
  if (status !== "running" && status !== "paused") return false;
  return run.bootId === bootId && run.init?.pid === init?.pid && run.init?.startTime === init?.startTime;
}
