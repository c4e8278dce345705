/** Removes a cgroup and everything below it. */
import { rmdirSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import { sleep } from "../../linux/sleep.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Cgroup } from "./cgroup.ts";
import { kernelRefusal } from "./errors.ts";

/** A killed process stays in its cgroup until the kernel has taken it apart: one second in all is waited. */
const retries = 10;

/**
 * Removes the cgroup, children first; none is fine too. Its processes must have been killed.
 * @throws {RuntError} FailedPrecondition when it still has processes after a second
 */
export async function removeCgroup(cgroup: Cgroup): Promise<void> {
  cgroup[Symbol.dispose]();
  if (tryRemove(cgroup)) return;
  for (const child of cgroup.children()) await removeCgroup(child);
  for (let delayMs = 1, tries = 0; !tryRemove(cgroup); delayMs *= 2, tries++) {
    if (tries === retries) throw stillInUse(cgroup);
    await sleep(delayMs);
  }
  cgroup[Symbol.dispose]();
}

/** @returns false for EBUSY: children or processes */
function tryRemove(cgroup: Cgroup): boolean {
  try {
    rmdirSync(cgroup.dir);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return true;
    if (hasCode(error, "EBUSY")) return false;
    // A read-only file system says so even for what does not exist.
    if (hasCode(error, "EROFS") && !cgroup.exists()) return true;
    const what = `cannot remove cgroup ${cgroup.path}`;
    throw kernelRefusal(error, what, { operation: "delete", path: cgroup.dir });
  }
}

function stillInUse(cgroup: Cgroup): RuntError {
  const pids = cgroup.processes();
  cgroup[Symbol.dispose]();
  const what = `cannot remove cgroup ${cgroup.path}: ${pids.length} process(es) still in it`;
  return new RuntError("FailedPrecondition", what, {
    operation: "delete",
    path: cgroup.dir,
    syscall: "rmdir",
    code: "EBUSY",
    ...(pids.length > 0 && { hint: `processes ${pids.join(", ")}` }),
  });
}
