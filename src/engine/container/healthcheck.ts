/** `healthcheck run`: the container's monitor checks it now, and what comes of it counts as at any other time. */
import { hasCode } from "../../linux/system-error.ts";
import type { EngineContext } from "../context.ts";
import { MonitorClient } from "../monitor/client.ts";
import { readHealth } from "../monitor/records.ts";
import { refuse } from "./errors.ts";
import { findRunning } from "./find.ts";

export interface HealthCheckResult {
  readonly healthy: boolean;
  readonly timedOut: boolean;
  /** The first 4096 bytes of what it wrote. */
  readonly output: string;
}

/** @throws {RuntError} FailedPrecondition where the container does not run, or has no check */
export async function runHealthCheck(context: EngineContext, text: string): Promise<HealthCheckResult> {
  const { id, name, definition } = findRunning(context, text, "healthcheck");
  if (!definition.health) throw refuse("healthcheck", name, `container ${name} has no defined healthcheck`);
  const directory = context.layout.container(id);
  using client = await MonitorClient.connect(directory);
  await client.check().catch((error: unknown) => {
    throw hasCode(error, "ESRCH")
      ? refuse("healthcheck", name, `container ${name} has ended meanwhile`)
      : error;
  });
  const { status, timedOut, output } = readHealth(directory)!.checks.at(-1)!;
  return {
    healthy: !timedOut && "exited" in status && status.exited === 0,
    timedOut,
    output: output.toString("utf8"),
  };
}
