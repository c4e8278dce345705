import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { table } from "../output.ts";

export default command({
  name: "top",
  synopsis: "runt top <container> [ps options…]",
  summary: "show what runs in a container",
  description: ["What follows the container goes to the host's ps(1), -ef by default; pids are the host's."],
  examples: [["runt top web -o pid,rss,args", "other columns"]],
  source: "docker top",
  operands: ["container", "[ps options…]"],
  passesThrough: true,
  options: {},
  async run(context, [container, ...options]) {
    const engine = await openEngine(context);
    const { titles, processes } = await engine.top(container!, options);
    context.print(table([titles, ...processes], 20));
    return 0;
  },
});
