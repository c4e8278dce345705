/** `stop`: asks the program to end, and kills it when it does not. */
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import type { ContainerRecord } from "../record.ts";
import { settle } from "../settle.ts";
import { eventOf } from "./event.ts";
import { findRecord } from "./find.ts";
import { lockContainer } from "./lock.ts";
import { observe } from "./observe.ts";
import { signalNumber } from "./signal.ts";
import { signalInit, suppressRestart } from "./signal-init.ts";
import { waitForContainer } from "./wait.ts";

export interface StopOptions {
  /** In place of the container's own stop signal. */
  readonly signal?: string | number | undefined;
  /** In place of the container's own; -1: never. */
  readonly timeoutSeconds?: number | undefined;
  readonly abort?: AbortSignal | undefined;
}

/** A container that does not run stays as it is. @throws {RuntError} NotFound */
export async function stopContainer(
  context: EngineContext,
  text: string,
  options: StopOptions = {},
): Promise<void> {
  const { id, request, definition } = findRecord(context, text, "stop");
  const number = signalNumber(options.signal ?? definition.stopSignal);
  const timeout = options.timeoutSeconds ?? request.stopTimeoutSeconds;
  // The lock is not held while we wait: whoever sees it end needs it.
  const record = await send(context, id, number, "first");
  if (!record) return;
  if (!(await endsWithin(context, id, timeout < 0 ? undefined : timeout * 1000, options.abort))) {
    await send(context, id, 9, "again");
    await endsWithin(context, id, undefined, options.abort);
  }
  context.store.events.append(eventOf(record, "stop"));
}

/** @returns undefined where it does not run */
async function send(
  context: EngineContext,
  id: string,
  signal: number,
  time: "first" | "again",
): Promise<ContainerRecord | undefined> {
  try {
    using lock = await lockContainer(context, id, "stop");
    const record = await settle(context, lock.record, "another");
    const { status } = observe(context, record);
    if (status !== "running" && status !== "paused" && status !== "restarting") return undefined;
    if (time === "first") await suppressRestart(context, record);
    if (status === "restarting") return record;
    if (await signalInit(context, record, signal)) {
      context.store.events.append(eventOf(record, "kill", { signal: String(signal) }));
    }
    return record;
  } catch (error) {
    // With --rm it may be gone by now.
    if (time === "again" && error instanceof RuntError && error.kind === "NotFound") return undefined;
    throw error;
  }
}

async function endsWithin(
  context: EngineContext,
  id: string,
  timeoutMs: number | undefined,
  abort: AbortSignal | undefined,
): Promise<boolean> {
  const limit = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signals = [limit, abort].filter((signal) => signal !== undefined);
  try {
    await waitForContainer(context, id, { signal: AbortSignal.any(signals) });
    return true;
  } catch (error) {
    abort?.throwIfAborted();
    if (limit?.aborted) return false;
    if (error instanceof RuntError && error.kind === "NotFound") return true;
    throw error;
  }
}
