/** SIGINT, SIGTERM and SIGHUP as an abort, so that what a command has begun is cleaned up before it ends. */
import { constants } from "node:os";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The reason of the abort. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  /** As a shell has it: 128 and the signal's number. */
  readonly status: number;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.status = 128 + constants.signals[signal];
  }
}

/**
 * Runs `work` with a signal that aborts when somebody wants us to end. A second such wish ends us at once.
 * @returns the status of `work`, or that of the interrupt
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  const handlers = signals.map((signal) => {
    const handler = () => {
      if (controller.signal.aborted) process.exit(new Interrupted(signal).status);
      controller.abort(new Interrupted(signal));
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  try {
    return await work(controller.signal);
  } catch (error) {
    const { reason } = controller.signal;
    if (controller.signal.aborted && reason instanceof Interrupted) return reason.status;
    throw error;
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  }
}
