/**
 * Runs of containers that this program has started: it sees them end, and does itself what follows, so that no program
 * is started for that. They keep nobody alive: who ends, or closes the engine, leaves the rest to the containers' monitors.
 */
import type { Started } from "../container/start.ts";

export class Attended {
  readonly #runs = new Map<string, { readonly started: Started; readonly ended: Promise<number> }>();

  /** Takes over a container that was started with `attend`. */
  add(started: Started): void {
    const { id } = started.record;
    const ended = started.finish().finally(() => {
      if (this.#runs.get(id)?.started === started) this.#runs.delete(id);
    });
    ended.catch(() => {});
    this.#runs.set(id, { started, ended });
    started.keepAlive(false);
  }

  /** The exit code, once all is done; undefined where it is somebody else's. */
  async end(id: string, signal: AbortSignal | undefined): Promise<number | undefined> {
    const run = this.#runs.get(id);
    if (!run) return undefined;
    signal?.throwIfAborted();
    run.started.keepAlive(true);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(signal!.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([run.ended, aborted]);
    } finally {
      signal?.removeEventListener("abort", abort);
      run.started.keepAlive(false);
    }
  }

  /** Resolves when nothing of a container that was removed is going on here any more. */
  async removed(id: string): Promise<void> {
    const run = this.#runs.get(id);
    run?.started.keepAlive(true);
    await run?.ended.catch(() => {});
  }

  /** Leaves them to their monitors. */
  leave(): void {
    for (const { started } of this.#runs.values()) started[Symbol.dispose]();
    this.#runs.clear();
  }
}
