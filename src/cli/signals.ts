/** Signals while a container is in the foreground: an abort until it runs, and its own from then on. */
import { Interrupted } from "./interrupt.ts";

/** What docker passes on, but for what a shell stops and continues us with. */
const passed = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM"] as const;
const aborting: readonly string[] = ["SIGHUP", "SIGINT", "SIGTERM", "SIGQUIT"];

export class Signals implements Disposable {
  readonly #controller = new AbortController();
  #kill: ((signal: NodeJS.Signals) => void) | undefined;
  readonly #handler = (signal: NodeJS.Signals) => this.#take(signal);

  constructor() {
    for (const signal of passed) process.on(signal, this.#handler);
  }

  /** Aborts with an `Interrupted`. */
  get abort(): AbortSignal {
    return this.#controller.signal;
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
      this.#controller.abort(new Interrupted(signal));
    }
  }
}
