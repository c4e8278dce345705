/** The plan of a view: a container's root file system and mounts in a namespace of their own, and nothing that runs in it. */
import { namespaceFlags } from "../../linux/namespace-flags.ts";
import { type Op, Stay } from "../wire/ops.ts";
import type { PlanContext } from "./context.ts";
import { keepFds } from "./create.ts";
import { planMounts } from "./mounts.ts";
import type { Plan } from "./plan.ts";
import { planReadonlyRoot, planRootfs } from "./rootfs.ts";

/**
 * What holds the view is a process that waits for a word that never comes, and dies with us. Nothing is made in the root
 * file system but places to mount on: no devices, no links.
 */
export function planView(context: PlanContext): Plan {
  const rootfs = planRootfs(context);
  const mounts = planMounts(context);
  const init: Op[] = [
    { op: "undumpable" },
    { op: "setsid" },
    ...rootfs.attach,
    ...mounts.init,
    ...rootfs.enter,
    ...mounts.final,
    ...planReadonlyRoot(context),
    keepFds([], null),
    { op: "ready" },
  ];
  return {
    before: [],
    program: {
      cloneFlags: namespaceFlags.mnt | namespaceFlags.pid,
      cgroup: null,
      stay: Stay.untilExit,
      dieWithRuntime: true,
      inherited: [],
      ops: { shim: [...rootfs.shim, ...mounts.shim], parent: [], init, late: [] },
    },
    atSync: {},
    warnings: [],
  };
}
