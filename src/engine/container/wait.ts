/** `wait`: until a container has ended. */
import { setTimeout as sleep } from "node:timers/promises";
import { RuntError } from "../../errors.ts";
import type { EngineContext } from "../context.ts";
import { MonitorClient } from "../monitor/client.ts";
import { settle } from "../settle.ts";
import { findRecord } from "./find.ts";
import { lockContainer } from "./lock.ts";
import { ended, observe } from "./observe.ts";

export interface WaitOptions {
  /** "not-running" is over at once where it does not run; "next-exit" waits for it to run first; docker's words. */
  readonly condition?: "not-running" | "next-exit" | "removed" | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Between two looks at what nobody tells us of. */
const pauseMs = 50;

/** @returns the exit code. @throws {RuntError} NotFound; the signal's reason */
export async function waitForContainer(
  context: EngineContext,
  text: string,
  { condition = "not-running", signal }: WaitOptions = {},
): Promise<number> {
  const { id, run: before } = findRecord(context, text, "wait");
  let code = 0;
  // It may start and end between two looks: then it is another run that has ended.
  const isNext = ({ started }: Run): boolean => condition !== "next-exit" || started !== before.started;
  let wasLocked = false;
  for (;;) {
    signal?.throwIfAborted();
    const record = context.store.containers.get(id);
    if (!record) return code;
    const { status, run, stale } = observe(context, record);
    if (status === "running" || status === "paused") {
      code = (await exitCodeFrom(context, id, run, signal)) ?? code;
      if (condition === "next-exit") return code;
      await settleIfFree(context, id);
      continue;
    }
    if (stale) await settleIfFree(context, id);
    code = run.exitCode;
    const isOver = status === "exited" || status === "created" || status === "removing";
    if (isOver && isNext(run) && condition !== "removed") {
      if (wasLocked || record.request.restart.name === "no") return code;
      // Between two runs it is nothing for a moment: whoever starts it again has the lock.
      await settleIfFree(context, id);
      wasLocked = true;
      continue;
    }
    wasLocked = false;
    await sleep(pauseMs, undefined, signal && { signal });
  }
}

type Run = Parameters<typeof ended>[0];

/** Undefined where the monitor has gone without a word to us. */
async function exitCodeFrom(
  { layout }: EngineContext,
  id: string,
  run: Run,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  try {
    using client = await MonitorClient.connect(layout.container(id));
    signal?.throwIfAborted();
    const hangUp = (): void => client[Symbol.dispose]();
    signal?.addEventListener("abort", hangUp, { once: true });
    try {
      const { exited } = await client.attach();
      return ended(run, await exited).exitCode;
    } finally {
      signal?.removeEventListener("abort", hangUp);
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof RuntError)) throw error;
    await sleep(2);
    return undefined;
  }
}

/** Does what is to be done; where it is gone or someone else does it, all the better. */
async function settleIfFree(context: EngineContext, id: string): Promise<void> {
  try {
    using lock = await lockContainer(context, id, "wait");
    await settle(context, lock.record, "another");
  } catch (error) {
    if (!(error instanceof RuntError) || error.kind !== "NotFound") throw error;
  }
}
