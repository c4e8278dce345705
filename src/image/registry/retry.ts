/** When and after how long a request is sent again. */
import { setTimeout as sleep } from "node:timers/promises";
import { isFinal } from "./connection-error.ts";
import type { Patience } from "./options.ts";
import { type HttpResponse, headerOf } from "./response.ts";

/** Statuses that may be different in a moment. 501 and 505 will not. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

/** A Retry-After header in milliseconds from now: seconds or a date. @see RFC 9110 section 10.2.3 */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The wait before try `n + 1`, in milliseconds: doubled each time, and at random shorter by up to a half. */
export function backOffMs(n: number, { firstWaitMs, longestWaitMs }: Patience): number {
  const full = Math.min(firstWaitMs * 2 ** (n - 1), longestWaitMs);
  return full * (0.5 + Math.random() / 2);
}

/**
 * How long to wait before trying again after `response`, the answer to try `n`; undefined where it is final.
 * A server that says when to come back is not asked before.
 */
export function waitAfter(response: HttpResponse, n: number, patience: Patience): number | undefined {
  if (!passing.has(response.status)) return undefined;
  const asked = retryAfterMs(headerOf(response, "retry-after")) ?? 0;
  return asked > patience.longestRetryAfterMs ? undefined : Math.max(asked, backOffMs(n, patience));
}

/** Waits. @throws the signal's reason */
export async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal && { signal });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}

/**
 * Sends until an answer is final or the tries are used up. An answer that is not final after the last try is
 * given back, so that its words can be shown.
 * @throws the last connection's error; the signal's reason
 */
export async function persist(
  send: () => Promise<HttpResponse>,
  attempts: number,
  patience: Patience,
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  for (let n = 1; ; n++) {
    let waitMs: number | undefined;
    try {
      const response = await send();
      waitMs = n < attempts ? waitAfter(response, n, patience) : undefined;
      if (waitMs === undefined) return response;
      await response.discard();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (n >= attempts || isFinal(error)) throw error;
      waitMs = backOffMs(n, patience);
    }
    await wait(waitMs, signal);
  }
}
