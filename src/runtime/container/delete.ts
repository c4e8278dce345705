/** `delete`: everything that create made, gone. @see runtime-spec 1.3 runtime.md#delete */
import { existsSync } from "node:fs";
import { messageOf, type RuntError } from "../../errors.ts";
import type { Fd } from "../../linux/fd.ts";
import { flock } from "../../linux/flock.ts";
import { isAlive } from "../../linux/process.ts";
import { sleep } from "../../linux/sleep.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Config } from "../../spec/runtime/config.ts";
import type { RuntimeContext } from "../api.ts";
import { driverOf } from "../cgroup/driver.ts";
import { killAll } from "../cgroup/kill.ts";
import { readConfigOf } from "./config-store.ts";
import { hasOwnPids, signalProcess } from "./kill.ts";
import { runHooks } from "./runtime-hooks.ts";
import { checkId, removeState, type StoredState, stateDirectory } from "./state-store.ts";
import { type Found, findContainer, wrongState } from "./status.ts";

/**
 * @param options force: kills a running container first, and is content where there is none
 * @throws {RuntError} NotFound; FailedPrecondition while it runs
 */
export async function deleteContainer(
  context: RuntimeContext,
  id: string,
  options: { force: boolean },
): Promise<void> {
  checkId(id, "delete");
  const directory = stateDirectory(context.root, id);
  using _lock = await lockIfThere(directory);
  let found: Found;
  try {
    found = findContainer(context.root, id, "delete");
  } catch (error) {
    if ((error as RuntError).kind !== "NotFound") throw error;
    // A create that was killed before its first word about itself.
    const leftover = existsSync(directory);
    if (leftover) removeState(context.root, id);
    if (options.force || leftover) return;
    throw error;
  }
  if (found.status !== "stopped" && found.status !== "created" && !options.force) {
    throw wrongState("delete", id, `cannot delete container ${id} that is not stopped: ${found.status}`);
  }
  if (found.status === "stopped") await endOthers(found.state);
  else await end(found.state);
  await clear(context, found);
}

async function lockIfThere(directory: string): Promise<Fd | undefined> {
  try {
    return await flock(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

const killTimeoutMs = 10_000;

/** Kills what still runs, and waits until it does not. */
async function end(state: StoredState): Promise<void> {
  const { init } = state;
  await endOthers(state);
  if (!init || !signalProcess(init, 9)) return;
  for (let waited = 0, pause = 1; isAlive(init.pid, init.startTime); waited += pause) {
    if (waited > killTimeoutMs) throw wrongState("delete", state.id, "container init still running");
    await sleep(pause);
    pause = Math.min(pause * 2, 100);
  }
}

/** Without a pid namespace of its own, a container's other processes outlive its init. */
async function endOthers(state: StoredState): Promise<void> {
  if (!state.cgroup || (state.init && hasOwnPids(state))) return;
  using driver = driverOf(state.cgroup);
  if (driver.cgroup) await killAll(driver.cgroup);
}

/** Removes cgroup and state; then nothing but the hooks remembers the container. */
async function clear(context: RuntimeContext, { directory, state, config: known }: Found): Promise<void> {
  if (state.cgroup) {
    using driver = driverOf(state.cgroup);
    await driver.remove();
  }
  const config = known ?? (state.hasHooks === false ? undefined : configIfAny(directory));
  removeState(context.root, state.id);
  if (!config || config.hooks.poststop.length === 0) return;
  // The container is gone whatever a hook says; the specification asks for a warning, and for the other hooks.
  await runHooks(config, "poststop", state, "stopped", 0, (error) =>
    context.log("warning", messageOf(error)),
  );
}

function configIfAny(directory: string): Config | undefined {
  return existsSync(`${directory}/config.json`) ? readConfigOf(directory) : undefined;
}

/** `delete` for a container whose init has ended and was reaped by us: there is nothing to find out any more. */
export async function removeStopped(context: RuntimeContext, found: Found): Promise<void> {
  await endOthers(found.state);
  await clear(context, found);
}

/** Undoes a create that failed. Never throws: the failure that brought us here is what counts. */
export async function undoCreate(context: RuntimeContext, found: Found): Promise<void> {
  try {
    await end(found.state);
    await clear(context, found);
  } catch (error) {
    context.log("warning", `container ${found.state.id}: cannot clean up: ${messageOf(error)}`);
  }
}
