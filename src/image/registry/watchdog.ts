/** Ends a request on which nothing has moved for too long, or whose caller has gone. */

/** Nothing moved for this long. Shaped as Node's own time-outs. */
export class StallError extends Error {
  readonly code = "ETIMEDOUT";

  constructor(timeoutMs: number) {
    super(`no progress for ${timeoutMs >= 1000 ? `${Math.round(timeoutMs / 1000)} s` : `${timeoutMs} ms`}`);
  }
}

/**
 * Counts the time while something is waited for. Time that the caller spends between two waits, such as
 * writing to a slow disk, is not counted.
 */
export class Watchdog {
  /** Aborts after a stall, or with the caller's own signal. */
  readonly signal: AbortSignal;
  readonly #timeoutMs: number;
  readonly #stalled = new AbortController();
  /** On the clock of `performance.now()`; infinite while nothing is waited for. */
  #deadline = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number, signal: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs;
    const stalled = this.#stalled.signal;
    this.signal = signal === undefined ? stalled : AbortSignal.any([signal, stalled]);
  }

  /** Starts to count, from zero. Called for every chunk, so it touches no timer that runs already. */
  arm(): void {
    this.#deadline = performance.now() + this.#timeoutMs;
    this.#timer ??= setTimeout(() => this.#look(), this.#timeoutMs);
  }

  /** Stops counting. */
  rest(): void {
    this.#deadline = Number.POSITIVE_INFINITY;
  }

  /** Rests for good: no timer is left that would keep the process. */
  end(): void {
    this.rest();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = undefined;
    const left = this.#deadline - performance.now();
    if (left <= 0) this.#stalled.abort(new StallError(this.#timeoutMs));
    else if (left !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#look(), Math.ceil(left));
  }
}
