/** `update`: new limits for a container that exists. @see runc-update(8) */
import { flock } from "../../linux/flock.ts";
import type { LinuxResources } from "../../spec/runtime/resources.ts";
import { checkResources } from "../../spec/runtime/validate.ts";
import type { RuntimeContext } from "../api.ts";
import { driverOf, requireCgroup } from "../cgroup/driver.ts";
import { readConfigOf, writeConfigOf } from "./config-store.ts";
import { findContainer, wrongState } from "./status.ts";

/**
 * What `resources` leaves out stays as it is. Devices are not touched.
 * @throws {RuntError} with the old limits in place
 */
export async function updateContainer(
  context: RuntimeContext,
  id: string,
  resources: LinuxResources,
): Promise<void> {
  using _lock = await flock(findContainer(context.root, id, "update").directory);
  const { directory, state, status } = findContainer(context.root, id, "update");
  if (status === "stopped" || !state.cgroup) throw wrongState("update", id, "container not running");
  const config = readConfigOf(directory);
  const merged = mergeResources(config.linux.resources, resources);
  const origin = { where: "update", operation: "update" };
  checkResources(merged, origin);
  using driver = driverOf(state.cgroup);
  requireCgroup(driver, "update");
  await driver.update(merged, origin);
  writeConfigOf(directory, { ...config, linux: { ...config.linux, resources: merged } });
}

/** Property by property; "no memory limit" also means "no swap limit", unless one is given. */
export function mergeResources(old: LinuxResources, change: LinuxResources): LinuxResources {
  const memory = mergeSet(old.memory, change.memory);
  if (isUnlimited(change.memory.limit) && change.memory.swap === undefined) memory.swap = -1;
  return {
    ...old,
    memory,
    cpu: mergeSet(old.cpu, change.cpu),
    pids: mergeSet(old.pids, change.pids),
    blockIO: mergeSet(old.blockIO, change.blockIO),
    hugepageLimits: change.hugepageLimits.length > 0 ? change.hugepageLimits : old.hugepageLimits,
    rdma: { ...old.rdma, ...change.rdma },
    unified: { ...old.unified, ...change.unified },
  };
}

function isUnlimited(limit: number | bigint | undefined): boolean {
  return limit === -1 || limit === -1n;
}

/** The properties of `change` that say something, over those of `old`. An empty list says nothing. */
function mergeSet<T extends object>(old: T, change: T): T {
  const said = Object.entries(change).filter(
    ([, value]) => value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0),
  );
  return { ...old, ...Object.fromEntries(said) };
}
