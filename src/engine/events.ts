/** `events`: what has happened, and what happens while one looks. */
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineContext } from "./context.ts";
import type { EngineEvent } from "./store/events.ts";

export type { EngineEvent } from "./store/events.ts";

export interface EventOptions {
  /** From then on; by default only what happens from now on. */
  readonly since?: Date | undefined;
  /** Up to then. In the past: ends at once. */
  readonly until?: Date | undefined;
  /** By default it goes on; without it ends with what has happened. */
  readonly follow?: boolean | undefined;
  readonly matches?: ((event: EngineEvent) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Between two looks at the table: a query by its key, some microseconds. */
const pauseMs = 50;

/**
 * Oldest first. Ends with `until`, or with the signal.
 * @param last number of the last event that is not of interest, without `since`
 */
export async function* engineEvents(
  { store }: EngineContext,
  last: number,
  { since, until, follow = true, matches = () => true, signal }: EventOptions = {},
): AsyncGenerator<EngineEvent> {
  let seq = since ? 0 : last;
  const end = until?.getTime() ?? Number.POSITIVE_INFINITY;
  for (;;) {
    for (const event of store.events.after(seq)) {
      seq = event.seq;
      const time = Date.parse(event.time);
      if (time > end) return;
      if ((!since || time >= since.getTime()) && matches(event)) yield event;
    }
    if (!follow || Date.now() > end || signal?.aborted) return;
    await sleep(Math.max(1, Math.min(pauseMs, end - Date.now())), undefined, { signal }).catch(() => {});
  }
}
