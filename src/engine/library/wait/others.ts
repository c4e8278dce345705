/** Ready when its health check says so, when it has ended well, when a command in it succeeds, when several agree. */
import { RuntError } from "../../../errors.ts";
import { poll } from "./poll.ts";
import { WaitStrategy, type WaitTarget } from "./strategy.ts";

export class HealthStrategy extends WaitStrategy {
  get what(): string {
    return "its health check to succeed";
  }

  async until({ container, inspect, signal }: WaitTarget): Promise<void> {
    if (!inspect.State.Health) {
      throw new RuntError("InvalidArgument", "it has no health check: see `health`", { operation: "wait" });
    }
    await poll(signal, async () => {
      const { Health } = (await container.inspect()).State;
      if (Health?.Status !== "unhealthy") return Health?.Status === "healthy";
      const said = Health.Log.at(-1)?.Output.trim() || "nothing";
      throw new RuntError("FailedPrecondition", `it is unhealthy: its last check said: ${said}`, {
        operation: "wait",
      });
    });
  }
}

/** For what runs once: a migration, a build. */
export class ExitStrategy extends WaitStrategy {
  readonly #code: number;

  constructor(code: number) {
    super();
    this.#code = code;
  }

  get what(): string {
    return `its end with exit code ${this.#code}`;
  }

  override get wantsEnd(): boolean {
    return true;
  }

  async until({ container, signal }: WaitTarget): Promise<void> {
    const code = await container.wait({ signal });
    if (code === this.#code) return;
    throw new RuntError("FailedPrecondition", `it has ended with exit code ${code}`, { operation: "wait" });
  }
}

export class CommandStrategy extends WaitStrategy {
  readonly #command: readonly string[];

  constructor(command: readonly string[]) {
    super();
    this.#command = command;
  }

  get what(): string {
    return `success of ${this.#command.join(" ")} in it`;
  }

  async until({ container, signal }: WaitTarget): Promise<void> {
    await poll(signal, async () => {
      try {
        return (await container.exec(this.#command, { signal })).exitCode === 0;
      } catch (error) {
        // The program may come later.
        if (error instanceof RuntError) return false;
        throw error;
      }
    });
  }
}

export class AllStrategy extends WaitStrategy {
  readonly #strategies: readonly WaitStrategy[];

  constructor(strategies: readonly WaitStrategy[]) {
    super();
    this.#strategies = strategies;
  }

  get what(): string {
    return this.#strategies.map(({ what }) => what).join(", and for ");
  }

  override get wantsEnd(): boolean {
    return this.#strategies.some(({ wantsEnd }) => wantsEnd);
  }

  async until(target: WaitTarget): Promise<void> {
    const each = this.#strategies.map(async (strategy) => {
      const { timeoutMs } = strategy;
      const signals = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
      await strategy.until({ ...target, signal: AbortSignal.any([target.signal, ...signals]) });
    });
    await Promise.all(each);
  }
}
