import { command } from "../../command.ts";

export default command({
  name: "resume",
  synopsis: "runt-oci resume <container-id>",
  summary: "let the processes of a paused container run again",
  source: "runc-resume(8); cgroup v2, cgroup.freeze",
  operands: ["container-id"],
  options: {},
  async run(context, [id]) {
    const { resume } = await import("../../../runtime/index.ts");
    await resume(context, id!);
    return 0;
  },
});
