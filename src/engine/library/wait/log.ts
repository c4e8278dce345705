/** Ready when it has written something. */
import { RuntError } from "../../../errors.ts";
import { WaitStrategy, type WaitTarget } from "./strategy.ts";

export class LogStrategy extends WaitStrategy {
  readonly #pattern: RegExp | string;
  readonly #times: number;

  /** @param pattern what a line has in it. @param times in so many lines */
  constructor(pattern: RegExp | string, times: number) {
    super();
    // A global one remembers where it was.
    this.#pattern =
      pattern instanceof RegExp ? new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")) : pattern;
    this.#times = times;
  }

  get what(): string {
    const times = this.#times === 1 ? "" : ` ${this.#times} times`;
    const pattern = typeof this.#pattern === "string" ? JSON.stringify(this.#pattern) : String(this.#pattern);
    return `a line of its log with ${pattern}${times}`;
  }

  /** Its last words may be the ones. */
  override get wantsEnd(): boolean {
    return true;
  }

  async until({ container, inspect, signal }: WaitTarget): Promise<void> {
    let left = this.#times;
    const since = new Date(inspect.State.StartedAt);
    for await (const { text } of container.logLines({ follow: true, since, signal })) {
      const found =
        typeof this.#pattern === "string" ? text.includes(this.#pattern) : this.#pattern.test(text);
      if (found && --left <= 0) return;
    }
    const { State } = await container.inspect();
    throw new RuntError("FailedPrecondition", `it has ended with exit code ${State.ExitCode}`, {
      operation: "wait",
    });
  }
}
