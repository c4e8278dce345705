import { command } from "../command.ts";
import { openEngine } from "../engine.ts";

export default command({
  name: "rename",
  synopsis: "runt rename <container> <name>",
  summary: "give a container another name",
  source: "docker rename",
  operands: ["container", "name"],
  options: {},
  async run(context, [container, name]) {
    const engine = await openEngine(context);
    await engine.rename(container!, name!);
    return 0;
  },
});
