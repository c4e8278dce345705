/** Signals while a container is in the foreground: an abort until it runs, and its own from then on. */
import { type Abort, signalOf } from "../linux/abort.ts";
import { Interrupted } from "./interrupt.ts";

/** What docker passes on, but for what a shell stops and continues us with. */
const passed = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM"] as const;
const aborting: readonly string[] = ["SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT"];

export class Signals implements Disposable {
  readonly #interruption = new Interruption();
  #kill: ((signal: NodeJS.Signals) => void) | undefined;
  readonly #handler = (signal: NodeJS.Signals) => this.#take(signal);

  constructor() {
    for (const signal of passed) process.on(signal, this.#handler);
  }

  /** Aborts with an `Interrupted`. */
  get abort(): Abort {
    return this.#interruption;
  }

  /** The same, for who needs a real one. */
  get signal(): AbortSignal {
    return signalOf(this.abort);
  }

  /** From now on they go there. */
  forward(kill: (signal: NodeJS.Signals) => void): void {
    this.#kill = kill;
  }

  /** They mean again what they mean to every program. */
  [Symbol.dispose](): void {
    for (const signal of passed) process.off(signal, this.#handler);
  }

  #take(signal: NodeJS.Signals): void {
    if (this.#kill) this.#kill(signal);
    else if (aborting.includes(signal)) {
      if (this.abort.aborted) process.exit(new Interrupted(signal).status);
      this.#interruption.abort(new Interrupted(signal));
    }
  }
}

class Interruption implements Abort {
  reason: Interrupted | undefined;
  readonly #listeners = new Set<() => void>();

  get aborted(): boolean {
    return this.reason !== undefined;
  }

  throwIfAborted(): void {
    if (this.reason) throw this.reason;
  }

  /** It comes once only, so that `once` makes no difference. */
  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  abort(reason: Interrupted): void {
    this.reason = reason;
    for (const listener of [...this.#listeners]) listener();
  }
}
