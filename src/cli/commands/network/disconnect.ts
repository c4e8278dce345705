import { command } from "../../command.ts";
import { openEngine } from "../../engine.ts";

export default command({
  name: "disconnect",
  synopsis: "runt disconnect [options] <network> <container>",
  summary: "take a container off a network",
  source: "docker network disconnect",
  operands: ["network", "container"],
  options: {
    force: { type: "boolean", short: "f", summary: "taken for docker's sake" },
  },
  async run(context, [network, container]) {
    const engine = await openEngine(context);
    await engine.disconnect(container!, network!);
    return 0;
  },
});
