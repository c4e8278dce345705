import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { forEach } from "../images.ts";
import { allOption, containersOf } from "../several.ts";

export default command({
  name: "kill",
  synopsis: "runt kill [options] <container> [<container>…]\nrunt kill [options] --all",
  summary: "send running containers a signal",
  examples: [["runt kill -s HUP web", "read your configuration again"]],
  source: "docker kill; --all as in podman-kill(1)",
  operands: ["[container…]"],
  options: {
    signal: { type: "string", short: "s", value: "signal", default: "KILL", summary: "a name or a number" },
    ...allOption("all that run"),
  },
  async run(context, operands, { signal, all }) {
    const engine = await openEngine(context);
    return await forEach(
      await containersOf(engine, operands, all && "running", "kill"),
      async (container) => {
        await engine.kill(container, signal);
        context.print(`${container}\n`);
      },
    );
  },
});
