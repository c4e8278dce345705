/**
 * The promise's value, unless the signal comes first; what the promise stands for goes on then, for whoever
 * else waits for it.
 * @throws the signal's reason; what the promise is rejected with
 */
export async function abortable<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Rejected after the race is over, it is nobody's error.
    promise.catch(() => {});
  }
}
