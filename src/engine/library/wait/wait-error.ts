/** Why a container is not ready, with the last that it has said: mostly that is where the reason is. */
import { type ErrorKind, RuntError } from "../../../errors.ts";
import type { RuntContainer } from "../container.ts";

interface Failure {
  readonly what: string;
  readonly why: string;
  readonly kind: ErrorKind;
  /** At most so many of the log. */
  readonly lines: number;
  readonly cause: unknown;
}

export class WaitError extends RuntError {
  /** The last lines of its log, oldest first. */
  readonly lastLines: readonly string[];

  private constructor(
    kind: ErrorKind,
    what: string,
    container: string,
    lines: readonly string[],
    cause: unknown,
  ) {
    super(kind, what, { operation: "wait", subject: `container ${container}` }, cause);
    this.lastLines = lines;
    // The one place where a message has more lines: they are what whoever reads it would ask for next.
    if (lines.length > 0)
      this.message += `; the last that it has said:\n${lines.map((line) => `    ${line}\n`).join("")}`;
  }

  static async of(container: RuntContainer, { what, why, kind, lines, cause }: Failure): Promise<WaitError> {
    const last: string[] = [];
    try {
      for await (const { text } of container.logLines({ tail: lines })) last.push(text);
    } catch {
      // It keeps no log, or is gone.
    }
    return new WaitError(kind, `waited for ${what}: ${why}`, container.name, last.slice(-lines), cause);
  }
}
