import { command } from "../../command.ts";

export default command({
  name: "start",
  synopsis: "runt-oci start <container-id>",
  summary: "let the process of a created container become its program",
  source: "runtime-spec runtime.md#start; runc-start(8)",
  operands: ["container-id"],
  options: {},
  async run(context, [id]) {
    const { start } = await import("../../../runtime/index.ts");
    await start(context, id!);
    return 0;
  },
});
