import { command } from "../command.ts";
import { openEngine } from "../engine.ts";

export default command({
  name: "diff",
  synopsis: "runt diff <container>",
  summary: "show what a container has changed of its image's files",
  description: ["A line for each path: A for what is new, C for what has changed, D for what is gone."],
  source: "docker diff",
  operands: ["container"],
  options: {},
  async run(context, [container]) {
    const engine = await openEngine(context);
    const changes = await engine.diff(container!);
    context.print(changes.map(({ kind, path }) => `${kind} ${path}\n`).join(""));
    return 0;
  },
});
