/** The parts of a cgroup plan that files are written for, in their order; both drivers end with this. */
import type { Origin } from "../../spec/runtime/document-error.ts";
import type { LinuxResources } from "../../spec/runtime/resources.ts";
import { applyWrites, replaceWrites } from "./apply.ts";
import type { Cgroup } from "./cgroup.ts";
import type { CgroupPlan } from "./cgroup-plan.ts";
import { delegateCgroup } from "./delegation.ts";
import { applyDevicePolicy } from "./device-filter.ts";
import { checkUsage } from "./limits/memory.ts";
import type { LimitFacts } from "./limits/write.ts";
import { resourceWrites } from "./resource-writes.ts";

/**
 * Limits, devices, owner of a new container's cgroup.
 * @param fresh nobody else has put a device program there
 * @returns whether the cgroup has a device program now
 */
export function applyPlan(cgroup: Cgroup, plan: CgroupPlan, { fresh }: { fresh: boolean }): boolean {
  applyWrites(cgroup, plan.writes, plan.facts);
  const options = { operation: plan.facts.origin.operation, rootless: plan.rootless, fresh };
  const filtered = applyDevicePolicy(cgroup, plan.devices, options);
  if (plan.owner !== undefined) delegateCgroup(cgroup, plan.owner);
  return filtered;
}

/**
 * The limits of a running container.
 * @returns what takes them back
 * @throws {RuntError} with the old limits back in place
 */
export function updateLimits(cgroup: Cgroup, resources: LinuxResources, origin: Origin): () => void {
  const facts: LimitFacts = { cgroupPath: cgroup.path, controllers: cgroup.controllers(), origin };
  const writes = resourceWrites(resources, facts);
  checkUsage(resources.memory, memoryCurrent(cgroup), origin);
  return replaceWrites(cgroup, writes, facts);
}

/** memory.current; undefined where it cannot be read. */
export function memoryCurrent(cgroup: Cgroup): bigint | undefined {
  const text = cgroup.readIfAny("memory.current");
  return text === undefined ? undefined : BigInt(text.trim());
}
