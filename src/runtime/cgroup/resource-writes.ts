/** From `linux.resources` to the list of cgroup files to write: all decisions, no access to any file. */
import { RuntError } from "../../errors.ts";
import { formatPath } from "../../spec/runtime/document-error.ts";
import type { LinuxResources } from "../../spec/runtime/resources.ts";
import { blockIOWrites } from "./limits/block-io.ts";
import { hugetlbWrites, pidsWrites, rdmaWrites } from "./limits/counted.ts";
import { cpusetWrites, cpuWrites } from "./limits/cpu.ts";
import { memoryWrites } from "./limits/memory.ts";
import { unifiedWrites } from "./limits/unified.ts";
import { controllerOf, type LimitFacts, type ResourceWrite } from "./limits/write.ts";

/**
 * The writes for `resources`, in the order in which they must happen. What only cgroup v1 knows is left out
 * (see `ignoredResources`), and so is what asks for nothing of a controller that is not there.
 *
 * @throws {RuntError} FailedPrecondition for a limit whose controller is missing; InvalidArgument for values
 *   that contradict each other
 * @see runtime-spec 1.3 config-linux.md#control-groups
 */
export function resourceWrites(resources: LinuxResources, facts: LimitFacts): ResourceWrite[] {
  const { origin } = facts;
  const writes = [
    ...pidsWrites(resources.pids),
    ...memoryWrites(resources.memory, origin),
    ...blockIOWrites(resources.blockIO),
    ...cpuWrites(resources.cpu),
    ...cpusetWrites(resources.cpu),
    ...hugetlbWrites(resources.hugepageLimits),
    ...rdmaWrites(resources.rdma),
    // Last, because it may say more exactly what the others say.
    ...unifiedWrites(resources.unified, origin),
  ];
  return writes.filter((each) => {
    if (isAvailable(each, facts.controllers)) return true;
    if (each.noop) return false;
    throw missingController(each, facts);
  });
}

/** Every cgroup has these files, whatever its controllers. */
const coreFiles = /^(cgroup\.|cpu\.stat|(cpu|io|irq|memory)\.pressure$)/;

function isAvailable({ file }: ResourceWrite, controllers: ReadonlySet<string>): boolean {
  return coreFiles.test(file) || controllers.has(controllerOf(file));
}

/** The error for a limit that nothing here could enforce. */
export function missingController(
  { file, from }: ResourceWrite,
  { cgroupPath, origin }: LimitFacts,
): RuntError {
  const subject = `${origin.where}: ${formatPath(from)}`;
  const controller = controllerOf(file);
  return new RuntError(
    "FailedPrecondition",
    `${subject}: the ${controller} controller is not available in cgroup ${cgroupPath}`,
    {
      operation: origin.operation,
      subject,
      hint: `run on a host with the ${controller} controller on cgroup v2, or remove the limit`,
    },
  );
}

/** Controllers that have no meaning for single threads: a threaded cgroup cannot have them. */
const domainControllers = new Set(["hugetlb", "io", "memory", "misc", "rdma"]);

/** The first controller among those of `writes` that rules out a threaded cgroup. */
export function domainControllerOf(writes: readonly ResourceWrite[]): string | undefined {
  return writes
    .filter((each) => !each.noop)
    .map((each) => controllerOf(each.file))
    .find((controller) => domainControllers.has(controller));
}

/** Properties of `resources` that are set and that cgroup v2 has nothing for, to be told when asked. */
export function ignoredResources({ memory, cpu, network, blockIO }: LinuxResources): string[] {
  const set: Record<string, unknown> = {
    "memory.kernel": memory.kernel,
    "memory.kernelTCP": memory.kernelTCP,
    "memory.swappiness": memory.swappiness,
    "memory.disableOOMKiller": memory.disableOOMKiller,
    "cpu.realtimeRuntime": cpu.realtimeRuntime,
    "cpu.realtimePeriod": cpu.realtimePeriod,
    "blockIO.leafWeight": blockIO.leafWeight,
    network,
  };
  return Object.keys(set)
    .filter((name) => set[name])
    .map((name) => `linux.resources.${name}`);
}
