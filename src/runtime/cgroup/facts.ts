/** Measures what planning a cgroup must know of the host. */
import type { CgroupManager } from "../api.ts";
import type { CgroupFacts } from "./cgroup-plan.ts";
import { availableControllers } from "./create.ts";
import { hierarchy } from "./hierarchy.ts";

/**
 * The facts for containers that `manager` looks after. Cheap after the first call in a process.
 * @throws {RuntError} Unavailable where no cgroup2 is mounted; never with "disabled"
 */
export function cgroupFacts(manager: CgroupManager): CgroupFacts {
  if (manager === "disabled") {
    const none: ReadonlySet<string> = new Set();
    return {
      hierarchy: { mountPoint: "", own: "/", userManager: "", controllers: none },
      controllersAt: () => none,
    };
  }
  const measured = hierarchy();
  return {
    hierarchy: measured,
    controllersAt: (path) => availableControllers(measured.mountPoint, path),
  };
}
