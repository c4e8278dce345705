import { command } from "../../command.ts";
import { createOptions, toCreateOptions } from "./options.ts";

export default command({
  name: "create",
  synopsis: "runt-oci create [options] <container-id>",
  summary: "make a container, ready to be started",
  description: [
    "Makes everything that the config.json of the bundle asks for: namespaces, mounts, cgroup, devices, hooks. The container's process exists then, and waits for runt-oci start before it becomes the program of process.args.",
  ],
  examples: [
    ["runt-oci create --bundle ./hello web-1", "the container web-1, from the directory hello"],
    ["runt-oci create --pid-file /run/web-1.pid web-1", "from the current directory; its pid is in the file"],
  ],
  source: "runtime-spec runtime.md#create; flags as in runc-create(8), --config as in crun(1)",
  operands: ["container-id"],
  options: createOptions,
  failure: "runt-oci create failed",
  async run(context, [id], options) {
    const { create } = await import("../../../runtime/index.ts");
    await create(context, id!, toCreateOptions(options));
    return 0;
  },
});
