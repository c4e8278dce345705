import { command } from "../../command.ts";
import { goJson } from "../../output.ts";
import { stateDocument } from "./state-document.ts";

export default command({
  name: "state",
  synopsis: "runt-oci state <container-id>",
  summary: "print the state of a container as JSON",
  source: "runtime-spec runtime.md#state; runc-state(8)",
  operands: ["container-id"],
  options: {},
  async run(context, [id]) {
    const { state } = await import("../../../runtime/index.ts");
    context.print(goJson({ ...stateDocument(state(context, id!)), owner: "" }, "  "));
    return 0;
  },
});
