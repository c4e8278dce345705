/** `kill`: a signal. */
import { SIGKILL } from "../../linux/process.ts";
import type { EngineContext } from "../context.ts";
import { settle } from "../settle.ts";
import { refuse } from "./errors.ts";
import { eventOf } from "./event.ts";
import { lockContainer } from "./lock.ts";
import { observe } from "./observe.ts";
import { signalNumber } from "./signal.ts";
import { signalInit, suppressRestart } from "./signal-init.ts";

/**
 * A signal that is to end it also keeps its restart policy from starting it again.
 * @throws {RuntError} FailedPrecondition where it does not run
 */
export async function killContainer(
  context: EngineContext,
  text: string,
  signal: string | number,
): Promise<void> {
  const number = signalNumber(signal);
  using lock = await lockContainer(context, text, "kill");
  const record = await settle(context, lock.record, "another");
  const notRunning = () => refuse("kill", record.name, `container ${record.name} is not running`);
  const { status } = observe(context, record);
  if (status === "restarting") {
    await suppressRestart(context, record);
    return;
  }
  if (status !== "running" && status !== "paused") throw notRunning();
  const isLast = number === SIGKILL || number === signalNumber(record.definition.stopSignal);
  if (isLast) await suppressRestart(context, record);
  if (!(await signalInit(context, record, number))) throw notRunning();
  context.store.events.append(eventOf(record, "kill", { signal: String(number) }));
}
