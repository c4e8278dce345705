import { command } from "../../command.ts";

export default command({
  name: "pause",
  synopsis: "runt-oci pause <container-id>",
  summary: "suspend every process of a container",
  source: "runc-pause(8); cgroup v2, cgroup.freeze",
  operands: ["container-id"],
  options: {},
  async run(context, [id]) {
    const { pause } = await import("../../../runtime/index.ts");
    await pause(context, id!);
    return 0;
  },
});
