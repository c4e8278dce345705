/** Tells when the kernel kills processes of a cgroup for want of memory. */
import { type FSWatcher, watch } from "node:fs";
import type { Cgroup } from "./cgroup.ts";

/** How many processes of the cgroup and below the OOM killer has ended; 0 without the memory controller. */
export function oomKills(cgroup: Cgroup): number {
  return cgroup.field("memory.events", "oom_kill") ?? 0;
}

/**
 * Yields the number of OOM kills each time it has grown. Ends when no process is left in the cgroup, or at
 * `signal`; at once where there is no memory controller.
 */
export async function* watchOom(cgroup: Cgroup, signal?: AbortSignal): AsyncGenerator<number, void> {
  const changes = new Changes();
  using watchers = new DisposableStack();
  // The kernel reports a change of either file as a modification.
  for (const file of ["memory.events", "cgroup.events"]) {
    if (cgroup.readIfAny(file) === undefined) return;
    const watcher: FSWatcher = watch(`${cgroup.dir}/${file}`, () => changes.add());
    watcher.on("error", () => changes.add());
    watchers.defer(() => watcher.close());
  }
  const onAbort = (): void => changes.add();
  signal?.addEventListener("abort", onAbort);
  watchers.defer(() => signal?.removeEventListener("abort", onAbort));

  let known = 0;
  for (;;) {
    if (signal?.aborted) return;
    const kills = oomKills(cgroup);
    if (kills > known) yield kills;
    known = kills;
    if (!cgroup.populated()) return;
    await changes.next();
  }
}

/** "Something has changed", kept until it is asked for. */
class Changes {
  #pending = false;
  #wake: (() => void) | undefined;

  add(): void {
    this.#pending = true;
    this.#wake?.();
  }

  async next(): Promise<void> {
    if (!this.#pending) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#pending = false;
    this.#wake = undefined;
  }
}
