/** Stops and continues all processes of a cgroup. */

import { RuntError } from "../../errors.ts";
import { sleep } from "../../linux/sleep.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Cgroup } from "./cgroup.ts";
import { kernelRefusal } from "./errors.ts";

const limitMs = 10_000;

/**
 * Freezes the cgroup and all below, and waits until every process has stopped.
 * @throws {RuntError} Unavailable after ten seconds; the cgroup is thawed again then
 */
export async function freeze(cgroup: Cgroup): Promise<void> {
  writeState(cgroup, "1", "pause");
  const end = performance.now() + limitMs;
  for (let delayMs = 1; !isFrozen(cgroup); delayMs = Math.min(2 * delayMs, 10)) {
    if (performance.now() > end) {
      thaw(cgroup);
      throw new RuntError("Unavailable", `cgroup ${cgroup.path} did not freeze within ${limitMs / 1000} s`, {
        operation: "pause",
        path: cgroup.dir,
      });
    }
    await sleep(delayMs);
  }
}

/** Lets the processes run again. */
export function thaw(cgroup: Cgroup): void {
  writeState(cgroup, "0", "resume");
}

/** Has every process in the cgroup stopped? False where there is no cgroup. */
export function isFrozen(cgroup: Cgroup): boolean {
  return cgroup.field("cgroup.events", "frozen") === 1;
}

/** Has somebody asked for it, though perhaps not every process has stopped yet? */
export function isFreezing(cgroup: Cgroup): boolean {
  return cgroup.readIfAny("cgroup.freeze")?.trim() === "1";
}

function writeState(cgroup: Cgroup, state: "0" | "1", operation: "pause" | "resume"): void {
  try {
    cgroup.write("cgroup.freeze", state);
  } catch (error) {
    // Nothing to thaw.
    if (state === "0" && hasCode(error, "ENOENT", "ENODEV")) return;
    throw kernelRefusal(error, `cannot ${operation} cgroup ${cgroup.path}`, { operation, path: cgroup.dir });
  }
}
