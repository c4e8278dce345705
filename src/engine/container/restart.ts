/** `restart`: stop and start. */
import type { EngineContext } from "../context.ts";
import { eventOf } from "./event.ts";
import { findRecord } from "./find.ts";
import { startContainer } from "./start.ts";
import { type StopOptions, stopContainer } from "./stop.ts";

/** @throws {RuntError} as `stop` and `start` */
export async function restartContainer(
  context: EngineContext,
  text: string,
  options: StopOptions = {},
): Promise<void> {
  const record = findRecord(context, text, "restart");
  await stopContainer(context, record.id, options);
  using _started = await startContainer(context, record.id, { signal: options.abort });
  context.store.events.append(eventOf(record, "restart"));
}
