import { command } from "../../command.ts";
import { openEngine } from "../../engine.ts";

export default command({
  name: "after-exit",
  synopsis: "runt after-exit <container-id>",
  summary: "record how a container has ended, and remove it or start it again",
  source: "what a monitor becomes when its container has ended",
  operands: ["container-id"],
  options: {},
  async run(context, [id]) {
    const engine = await openEngine(context);
    await engine.afterExit(id!);
    return 0;
  },
});
