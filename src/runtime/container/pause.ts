/** `pause` and `resume`: the cgroup's freezer. @see runc-pause(8) */

import { RuntError } from "../../errors.ts";
import { flock } from "../../linux/flock.ts";
import type { RuntimeContext } from "../api.ts";
import { driverOf, requireCgroup } from "../cgroup/driver.ts";
import { freeze, thaw } from "../cgroup/freeze.ts";
import { type Found, findContainer, wrongState } from "./status.ts";

/** @throws {RuntError} FailedPrecondition unless it runs or is created */
export async function pauseContainer(context: RuntimeContext, id: string): Promise<void> {
  using _lock = await flock(findContainer(context.root, id, "pause").directory);
  const found = findContainer(context.root, id, "pause");
  if (found.status !== "running" && found.status !== "created") {
    throw wrongState("pause", id, found.status === "paused" ? "container paused" : "container not running");
  }
  await withCgroup(found, "pause", freeze);
}

/** @throws {RuntError} FailedPrecondition: `container not paused` */
export async function resumeContainer(context: RuntimeContext, id: string): Promise<void> {
  using _lock = await flock(findContainer(context.root, id, "resume").directory);
  const found = findContainer(context.root, id, "resume");
  if (found.status !== "paused") throw wrongState("resume", id, "container not paused");
  await withCgroup(found, "resume", async (cgroup) => thaw(cgroup));
}

async function withCgroup(
  { state }: Found,
  operation: string,
  run: (cgroup: ReturnType<typeof requireCgroup>) => Promise<void>,
): Promise<void> {
  if (!state.cgroup)
    throw new RuntError("FailedPrecondition", `cannot ${operation}: the container has no cgroup`, {
      operation,
    });
  using driver = driverOf(state.cgroup);
  await run(requireCgroup(driver, operation));
}
