/** Rules about memory placement and the devices made in the container. @see runtime-spec 1.3 config-linux.md */
import type { Config } from "../config.ts";
import type { MemoryPolicyMode } from "../memory-policy-words.ts";
import type { Checks } from "../validate.ts";

const withoutNodes: readonly MemoryPolicyMode[] = ["MPOL_DEFAULT", "MPOL_LOCAL"];
/** With or without: no nodes mean the local one. */
const withAnyNodes: readonly MemoryPolicyMode[] = ["MPOL_PREFERRED"];

export const placementChecks: Checks<Config> = {
  /** set_mempolicy(2) */
  memoryPolicyNodes(config, refuse) {
    const { memoryPolicy } = config.linux;
    if (memoryPolicy === undefined || withAnyNodes.includes(memoryPolicy.mode)) return;
    const { mode, nodes } = memoryPolicy;
    const at = ["linux", "memoryPolicy", "nodes"];
    if (withoutNodes.includes(mode) && nodes !== undefined) refuse(at, `must be absent for ${mode}`);
    if (!withoutNodes.includes(mode) && nodes === undefined) refuse(at, `is required for ${mode}`);
  },

  memoryPolicyFlags(config, refuse) {
    const flags = config.linux.memoryPolicy?.flags ?? [];
    if (flags.includes("MPOL_F_STATIC_NODES") && flags.includes("MPOL_F_RELATIVE_NODES")) {
      refuse(
        ["linux", "memoryPolicy", "flags"],
        "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other",
      );
    }
  },
};
