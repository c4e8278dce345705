/** What it means that a container is ready, and how long that may take. */
import type { ContainerInspect } from "../../container/inspect.ts";
import type { RuntContainer } from "../container.ts";

/** What a strategy has to go by. */
export interface WaitTarget {
  readonly container: RuntContainer;
  /** As it was when the program had started. */
  readonly inspect: ContainerInspect;
  /** Aborted when it takes too long, when the container has ended, or when the caller does not want to wait any more. */
  readonly signal: AbortSignal;
}

export abstract class WaitStrategy {
  /** Undefined: as long as whoever waits allows. */
  timeoutMs: number | undefined;

  /** At most so long. */
  withStartupTimeout(ms: number): this {
    this.timeoutMs = ms;
    return this;
  }

  /** For errors: "port 5432 to be listened at". */
  abstract readonly what: string;

  /** Whether the container's end is what is waited for. */
  get wantsEnd(): boolean {
    return false;
  }

  /** Resolves when the container is ready. @throws why it never will be; the signal's reason */
  abstract until(target: WaitTarget): Promise<void>;
}
