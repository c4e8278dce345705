/** Waits for a container to be ready, and says why it is not. */
import { messageOf, RuntError } from "../../../errors.ts";
import type { RuntContainer } from "../container.ts";
import type { WaitStrategy } from "./strategy.ts";
import { WaitError } from "./wait-error.ts";

/** A minute, as testcontainers. */
export const defaultWaitMs = 60_000;

/** Of the log, for an error to show. */
const shownLines = 20;

export interface UntilReadyOptions {
  /** For strategies that say nothing themselves; a minute by default. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** @throws {WaitError} DeadlineExceeded, FailedPrecondition; the signal's reason */
export async function untilReady(
  container: RuntContainer,
  strategy: WaitStrategy,
  { timeoutMs = defaultWaitMs, signal }: UntilReadyOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  const limitMs = strategy.timeoutMs ?? timeoutMs;
  const limit = AbortSignal.timeout(limitMs);
  const over = new AbortController();
  const inspect = await container.inspect();
  const all = AbortSignal.any([limit, over.signal, ...(signal ? [signal] : [])]);
  let exitCode: number | undefined;
  // A container that has ended will not become ready.
  const watch = strategy.wantsEnd
    ? undefined
    : container.wait({ signal: all }).then(
        (code) => {
          exitCode = code;
          over.abort();
        },
        () => {},
      );
  try {
    await strategy.until({ container, inspect, signal: all });
  } catch (error) {
    signal?.throwIfAborted();
    const why =
      exitCode !== undefined
        ? `it has ended with exit code ${exitCode}`
        : error instanceof RuntError
          ? error.message
          : isTimeout(error) || limit.aborted
            ? undefined
            : messageOf(error);
    throw await WaitError.of(container, {
      what: strategy.what,
      why: why ?? `not within ${limitMs} ms`,
      kind: why === undefined ? "DeadlineExceeded" : kindOf(error),
      lines: shownLines,
      cause: error,
    });
  } finally {
    over.abort();
    await watch;
  }
}

function isTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "TimeoutError" || (error.name === "AbortError" && isTimeout(error.cause));
}

function kindOf(error: unknown): "FailedPrecondition" | "InvalidArgument" {
  return error instanceof RuntError && error.kind === "InvalidArgument"
    ? "InvalidArgument"
    : "FailedPrecondition";
}
