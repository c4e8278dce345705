/** A container to its end: what a function call is to a program. */
import type { Engine } from "../engine.ts";
import { feed, type Input } from "./input.ts";
import type { ContainerOptions } from "./options.ts";
import { collect, defaultMaxOutputBytes } from "./output.ts";
import { containerRequest } from "./request.ts";

export interface RunOptions extends ContainerOptions {
  /** What it reads; without it stdin is at its end from the start. */
  readonly input?: Input | undefined;
  /** Its program is killed after so long; pulling the image does not count. */
  readonly timeoutMs?: number | undefined;
  /** Of stdout and stderr together; more of it, and it is killed. 64 MiB by default. */
  readonly maxOutputBytes?: number | undefined;
  /** Kills it; `run` then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunResult {
  /** What a shell would have in `$?`. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /**
   * Why it ended: of itself ("exited"), by a signal, or because it was killed after `timeoutMs`, for its output, or by the
   * kernel for want of memory.
   */
  readonly ended: "exited" | "signaled" | "timeout" | "output limit" | "out of memory";
  /** "SIGKILL", where a signal ended it. */
  readonly signal: string | undefined;
  /** From the start of the program to its end. */
  readonly durationMs: number;
}

/** Makes it, runs it and removes it, whatever happens. @throws {RuntError} why it could not run; the signal's reason */
export async function runToEnd(engine: Engine, image: string, options: RunOptions): Promise<RunResult> {
  const { input, timeoutMs, maxOutputBytes = defaultMaxOutputBytes, signal } = options;
  const request = {
    ...containerRequest(image, { log: "none", ...options }),
    stdin: input === undefined ? "none" : "once",
    // Should this program die, its monitor sees to the rest.
    autoRemove: true,
  } as const;
  const { onProgress, registry } = options;
  using started = await engine.run(request, {
    pull: { onProgress, registry },
    attach: { stdin: input !== undefined, stdout: true, stderr: !request.tty, whenSlow: "wait" },
    attend: true,
    signal,
  });
  const { id } = started.record;
  const attachment = started.attachment!;
  let why: "timeout" | "output limit" | "aborted" | undefined;
  const end = (reason: NonNullable<typeof why>): void => {
    why ??= reason;
    // Where it has ended by itself meanwhile, all the better.
    engine.kill(id).catch(() => {});
  };
  const abort = (): void => end("aborted");
  const begin = performance.now();
  const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs, "timeout");
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  try {
    if (input !== undefined) feed(attachment.stdin!, input);
    const output = await collect(attachment, maxOutputBytes, () => end("output limit"));
    const exit = await attachment.exited.catch(() => undefined);
    const durationMs = performance.now() - begin;
    const exitCode = await started.finish();
    if (why === "aborted") signal!.throwIfAborted();
    const by = exit && "signaled" in exit.status ? exit.status.signaled : undefined;
    const self = exit && exit.oomKills > 0 && by === "SIGKILL" ? "out of memory" : by ? "signaled" : "exited";
    return { exitCode, ...output, ended: why === "aborted" ? self : (why ?? self), signal: by, durationMs };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
