/** `healthcheck run`: the container's health check, once, now. What the monitor has noted stays as it is. */
import type { Readable } from "node:stream";
import type { ContainerProcess } from "../../runtime/library/process.ts";
import type { EngineContext } from "../context.ts";
import { refuse } from "./errors.ts";
import { execInContainer } from "./exec.ts";
import { findRunning } from "./find.ts";
import { outputsOf } from "./output-end.ts";

export interface HealthCheckResult {
  readonly healthy: boolean;
  readonly timedOut: boolean;
  /** The first 4096 bytes of what it wrote. */
  readonly output: string;
}

const outputBytes = 4096;

/** @throws {RuntError} FailedPrecondition where the container does not run, or has no check */
export async function runHealthCheck(context: EngineContext, text: string): Promise<HealthCheckResult> {
  const { id, name, definition } = findRunning(context, text, "healthcheck");
  const { health } = definition;
  if (!health) throw refuse("healthcheck", name, `container ${name} has no defined healthcheck`);
  const [kind, ...words] = health.test;
  const args = kind === "CMD-SHELL" ? ["/bin/sh", "-c", words.join(" ")] : words;
  await using process = await execInContainer(context, id, { args, dieWithUs: true });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    process.kill("SIGKILL");
  }, health.timeoutMs);
  const output = await firstBytes(process);
  const status = await process.wait();
  clearTimeout(timer);
  return {
    healthy: !timedOut && "exited" in status && status.exited === 0,
    timedOut,
    output,
  };
}

/** Of stdout and stderr, in the order in which they came. */
async function firstBytes(process: ContainerProcess): Promise<string> {
  const { stdout, stderr } = outputsOf(process);
  const parts: Buffer[] = [];
  let length = 0;
  const read = async (stream: Readable | null) => {
    for await (const bytes of stream ?? []) {
      if (length < outputBytes) parts.push((bytes as Buffer).subarray(0, outputBytes - length));
      length += (bytes as Buffer).length;
    }
  };
  await Promise.all([read(stdout), read(stderr)]);
  return Buffer.concat(parts).toString();
}
