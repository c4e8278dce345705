/**
 * Whether to go on, as an AbortSignal tells it. Who only asks this takes any object that can: the class itself is among
 * Node's modules that take longer to load than a container takes to be made.
 */
export interface Abort {
  readonly aborted: boolean;
  /** What is thrown. */
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

const signals = new WeakMap<Abort, AbortSignal>();

/** For what takes nothing else: it aborts with `abort`. The same each time. */
export function signalOf(abort: Abort): AbortSignal {
  if (abort instanceof AbortSignal) return abort;
  const known = signals.get(abort);
  if (known) return known;
  const controller = new AbortController();
  const follow = () => controller.abort(abort.reason);
  if (abort.aborted) follow();
  else abort.addEventListener("abort", follow, { once: true });
  signals.set(abort, controller.signal);
  return controller.signal;
}
