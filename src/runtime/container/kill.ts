/** `kill`: a signal to init, or to everything in the cgroup. @see runtime-spec 1.3 runtime.md#kill */
import type { Fd } from "../../linux/fd.ts";
import { namespaceFlags } from "../../linux/namespace-flags.ts";
import { isAlive, pidfd_open, pidfd_send_signal, SIGKILL } from "../../linux/process.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { RuntimeContext } from "../api.ts";
import { driverOf } from "../cgroup/driver.ts";
import { killAll, signalAll } from "../cgroup/kill.ts";
import type { ProcessId, StoredState } from "./state-store.ts";
import { findContainer, wrongState } from "./status.ts";

/**
 * @param signal its number
 * @param options all: every process of the container, not only init
 * @throws {RuntError} FailedPrecondition: `container not running`
 */
export async function killContainer(
  context: RuntimeContext,
  id: string,
  signal: number,
  options: { all: boolean },
): Promise<void> {
  const { state, status } = findContainer(context.root, id, "kill");
  const running = status === "created" || status === "running" || status === "paused";
  // Without a pid namespace of its own, a container's other processes outlive its init.
  const everything = options.all || (signal === SIGKILL && !hasOwnPids(state));
  using driver = everything && state.cgroup ? driverOf(state.cgroup) : undefined;
  if (driver?.cgroup) {
    if (signal === SIGKILL) await killAll(driver.cgroup);
    else signalAll(driver.cgroup, signal);
    if (running && signal === SIGKILL) signalProcess(state.init, signal);
    if (!running && !options.all) throw wrongState("kill", id, "container not running");
    return;
  }
  if (!running || !signalProcess(state.init, signal)) throw wrongState("kill", id, "container not running");
}

export function hasOwnPids(state: StoredState): boolean {
  return (state.namespaceFlags & namespaceFlags.pid) !== 0;
}

/** Sends a signal to that very process. @returns false where it is gone */
export function signalProcess(process: ProcessId | undefined, signal: number): boolean {
  if (!process) return false;
  try {
    using pidfd = openProcess(process.pid);
    if (!pidfd) return false;
    // The pidfd pins whoever has the pid now; only then is it worth asking who that is.
    if (!isAlive(process.pid, process.startTime)) return false;
    pidfd_send_signal(pidfd, signal);
    return true;
  } catch (error) {
    if (hasCode(error, "ESRCH")) return false;
    throw error;
  }
}

/** Undefined where there is no such process. Linux before 6.4 says EINVAL of one that is being reaped just now. */
function openProcess(pid: number): Fd | undefined {
  try {
    return pidfd_open(pid);
  } catch (error) {
    if (hasCode(error, "ESRCH", "EINVAL")) return undefined;
    throw error;
  }
}
