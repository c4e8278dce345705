/** Asks again and again, for what nobody tells. */
import { setTimeout as sleep } from "node:timers/promises";

/** Between two looks: short at first, because most are ready soon. */
const shortestMs = 10;
const longestMs = 200;

/** @param look true: it is so. @throws the signal's reason; what `look` throws */
export async function poll(signal: AbortSignal, look: () => Promise<boolean> | boolean): Promise<void> {
  for (let pause = shortestMs; ; pause = Math.min(pause * 1.5, longestMs)) {
    signal.throwIfAborted();
    if (await look()) return;
    await sleep(pause, undefined, { signal });
  }
}
