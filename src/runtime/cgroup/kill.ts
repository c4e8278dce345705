/** Ends every process of a cgroup, those that fork meanwhile included. */
import { hasCode } from "../../linux/system-error.ts";
import type { Cgroup } from "./cgroup.ts";
import { kernelRefusal } from "./errors.ts";
import { freeze, thaw } from "./freeze.ts";

/**
 * SIGKILL to all processes in the cgroup and below, frozen ones too. They are not gone when this returns.
 * Without such a cgroup there is nothing to do.
 * @throws {RuntError} PermissionDenied
 */
export async function killAll(cgroup: Cgroup): Promise<void> {
  try {
    cgroup.write("cgroup.kill", "1");
  } catch (error) {
    if (hasCode(error, "EOPNOTSUPP", "ENOTSUP")) return killOneByOne(cgroup);
    if (hasCode(error, "ENODEV")) return;
    if (hasCode(error, "ENOENT")) return cgroup.exists() ? killOneByOne(cgroup) : undefined;
    const what = `cannot kill cgroup ${cgroup.path}`;
    throw kernelRefusal(error, what, { operation: "kill", path: cgroup.dir });
  }
}

/** For threaded cgroups, which refuse cgroup.kill: frozen, they cannot fork while we walk through them. */
async function killOneByOne(cgroup: Cgroup): Promise<void> {
  await freeze(cgroup).catch(() => {});
  try {
    signalAll(cgroup, "SIGKILL");
  } finally {
    thaw(cgroup);
  }
}

/**
 * Sends `signal` to every process in the cgroup and below, those that are there now.
 * @returns how many there were
 */
export function signalAll(cgroup: Cgroup, signal: number | NodeJS.Signals): number {
  const pids = cgroup.processes();
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (!hasCode(error, "ESRCH")) throw error;
    }
  }
  return pids.length;
}
