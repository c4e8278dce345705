/** A bundle in, an exit status out. */

import type { Readable } from "node:stream";
import type { ExitStatus } from "../api.ts";
import { type ContainerOptions, createContainer } from "./container.ts";

export interface RunResult {
  readonly status: ExitStatus;
  /** What came through the pipes; "" for a stream that is not one. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions extends ContainerOptions {
  /** Written to stdin, which is then closed; without it stdin is at its end from the start. */
  readonly input?: string | Uint8Array;
  /** Output beyond so many bytes kills the container; 64 MiB by default. */
  readonly maxOutputBytes?: number;
}

const defaultMaxOutputBytes = 64 << 20;

/**
 * Makes a container, runs it to its end and removes it.
 * @throws {RuntError} why it could not run; the reason of `signal`
 */
export async function run(options: RunOptions): Promise<RunResult> {
  await using container = await createContainer(options);
  const limit = options.maxOutputBytes ?? defaultMaxOutputBytes;
  let total = 0;
  const collect = async (stream: Readable | null): Promise<string> => {
    const parts: Buffer[] = [];
    for await (const part of stream ?? []) {
      total += (part as Buffer).length;
      if (total > limit) await container.kill("SIGKILL").catch(() => {});
      else parts.push(part as Buffer);
    }
    return Buffer.concat(parts).toString("utf8");
  };
  const output = Promise.all([collect(container.stdout), collect(container.stderr)]);
  await container.start();
  container.stdin?.end(options.input ?? "");
  const status = await container.wait();
  options.signal?.throwIfAborted();
  const [stdout, stderr] = await output;
  return { status, stdout, stderr };
}
