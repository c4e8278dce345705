/** The servers of one repository in the order of asking, and what is done when one of them fails. */
import { RuntError } from "../../errors.ts";
import { failure, type Task } from "./failure.ts";
import type { Capability } from "./host.ts";
import type { ManifestQuery } from "./manifest.ts";
import type { Patience } from "./options.ts";
import type { Session } from "./session.ts";
import type { UploadTarget } from "./upload.ts";

/** Tries at a server that has another one after it. */
export const ATTEMPTS_BEFORE_NEXT = 2;

/** A repository's mirrors and its registry. */
export class Servers {
  readonly #sessions: readonly Session[];
  readonly #patience: Patience;

  constructor(sessions: readonly Session[], patience: Patience) {
    this.#sessions = sessions;
    this.#patience = patience;
  }

  /** Those that may be used for something, each with how often it is tried. */
  capable(capability: Capability): { readonly session: Session; readonly attempts: number | undefined }[] {
    const sessions = this.#sessions.filter(({ host }) => host.capabilities.has(capability));
    return sessions.map((session, i) => ({
      session,
      attempts: i < sessions.length - 1 ? ATTEMPTS_BEFORE_NEXT : undefined,
    }));
  }

  /**
   * Asks one server after the other; the last one's error counts, the others' are told with it.
   * @throws {RuntError} as `ask`; FailedPrecondition where no server may be asked; the signal's reason
   */
  async ask<T>(
    capability: Capability,
    task: Task,
    signal: AbortSignal | undefined,
    ask: (query: ManifestQuery) => Promise<T>,
  ): Promise<T> {
    const failures: RuntError[] = [];
    for (const { session, attempts } of this.capable(capability)) {
      try {
        return await ask({ session, path: session.path, task, attempts, signal });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (!(error instanceof RuntError)) throw error;
        failures.push(error);
      }
    }
    throw (
      together(failures) ??
      failure("FailedPrecondition", task, `hosts.toml of ${task.domain} allows no server to ${capability}`)
    );
  }

  /**
   * Where pushes go: to the registry itself, never to a mirror that something else may fill.
   * @throws {RuntError} FailedPrecondition where that is not allowed
   */
  uploadTarget(task: Task, signal: AbortSignal | undefined): UploadTarget {
    const session = this.capable("push").find(({ session }) => session.isOrigin)?.session;
    if (session) return { session, path: session.path, task, patience: this.#patience, signal };
    throw failure(
      "FailedPrecondition",
      task,
      `hosts.toml of ${task.domain} allows no push to the registry itself`,
    );
  }
}

function together(failures: readonly RuntError[]): RuntError | undefined {
  const last = failures.at(-1);
  if (last === undefined || failures.length === 1) return last;
  const others = failures.slice(0, -1).map(({ message }) => message);
  return new RuntError(last.kind, `${last.message}; its mirrors: ${others.join("; ")}`, last.site, last);
}
