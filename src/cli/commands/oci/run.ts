import { command } from "../../command.ts";
import { createOptions, exitStatus, toCreateOptions } from "./options.ts";

export default command({
  name: "run",
  synopsis: "runt-oci run [options] <container-id>",
  summary: "make a container, start it, and wait for its end",
  description: [
    "In the foreground the exit status is that of the container's process, or 128 and the number of the signal that killed it; signals that runt-oci gets are passed on. The container is deleted afterwards.",
  ],
  examples: [
    ["runt-oci run --bundle ./hello web-1", "until it ends"],
    [
      "runt-oci run --detach --bundle ./hello web-1",
      "in the background; runt-oci delete web-1 when it has ended",
    ],
  ],
  source: "runtime-spec runtime.md#create and #start; flags as in runc-run(8), --config as in crun(1)",
  operands: ["container-id"],
  options: {
    ...createOptions,
    detach: { type: "boolean", short: "d", summary: "leave the container running in the background" },
    keep: { type: "boolean", summary: "keep the container's state when it has ended" },
    noSubreaper: { type: "boolean", summary: "do not become the parent of the container's orphans" },
  },
  failure: "runt-oci run failed",
  async run(context, [id], { detach, keep, noSubreaper, ...options }) {
    const { run } = await import("../../../runtime/index.ts");
    return exitStatus(await run(context, id!, { ...toCreateOptions(options), detach, keep, noSubreaper }));
  },
});
