/** Rules about cgroup resources. @see runtime-spec 1.3 config-linux.md#control-groups */
import type { LinuxResources } from "../resources.ts";
import type { Checks } from "../validate.ts";

/** Rules that hold for any resources, also for the few that an update brings. */
export const ruleChecks: Checks<LinuxResources> = {
  weightDevicesHaveWeight(resources, refuse) {
    for (const [i, { weight, leafWeight }] of resources.blockIO.weightDevice.entries()) {
      if (weight === undefined && leafWeight === undefined) {
        refuse(["blockIO", "weightDevice", i], "needs a weight or a leafWeight");
      }
    }
  },

  rdmaHasLimit(resources, refuse) {
    for (const [device, { hcaHandles, hcaObjects }] of Object.entries(resources.rdma)) {
      if (hcaHandles === undefined && hcaObjects === undefined) {
        refuse(["rdma", device], "needs hcaHandles or hcaObjects");
      }
    }
  },

  /** A key is a file in the container's own cgroup directory. */
  unifiedKeysAreFiles(resources, refuse) {
    for (const key of Object.keys(resources.unified)) {
      if (key === "" || key === "." || key === ".." || key.includes("/") || key.includes("\0")) {
        refuse(["unified", key], 'must be the name of a file, without "/"');
      }
    }
  },
};

/** Rules on how limits fit together, once all of them are known. */
export const limitChecks: Checks<LinuxResources> = {
  /** cgroup v2 limits swap on its own: the difference of the two needs both. */
  swapAboveMemory({ memory: { limit = 0, swap = 0 } }, refuse) {
    if (swap === -1 || swap === 0) return;
    if (limit === 0 || limit === -1) refuse(["memory", "swap"], "needs a memory limit");
    if (swap < limit)
      refuse(
        ["memory", "swap"],
        `is memory plus swap, and must not be below the memory limit of ${limit}, is ${swap}`,
      );
  },

  burstWithinQuota({ cpu: { burst = 0, quota = 0 } }, refuse) {
    if (quota > 0 && burst > quota)
      refuse(["cpu", "burst"], `must not be above the quota of ${quota}, is ${burst}`);
  },
};
