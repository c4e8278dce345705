/** What an ordinary user is forgiven: having no say over cgroups, as long as nobody asked for one. */
import { RuntError } from "../../errors.ts";
import type { CgroupPlan } from "./cgroup-plan.ts";

/**
 * What to make of a cgroup that cannot be made.
 * @returns the error to throw; undefined where the container may go without a cgroup
 */
export function rootlessRefusal(plan: CgroupPlan, error: unknown): unknown {
  if (!plan.rootless || plan.placed || !(error instanceof RuntError) || error.kind !== "PermissionDenied")
    return error;
  if (plan.writes.every((each) => each.noop)) return undefined;
  return new RuntError(
    error.kind,
    `rootless needs no limits + no cgrouppath when no permission is granted for cgroups: ${error.message}`,
    { ...error.site, hint: "delegate a cgroup to this user, or use --systemd-cgroup with a user session" },
    error.cause,
  );
}
