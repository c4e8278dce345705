import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { forEach } from "../images.ts";
import { allOption, containersOf } from "../several.ts";

export default command({
  name: "pause",
  synopsis: "runt pause <container> [<container>…]\nrunt pause --all",
  summary: "freeze all processes of containers",
  source: "docker pause; --all as in podman-pause(1)",
  operands: ["[container…]"],
  options: allOption("all that run"),
  async run(context, operands, { all }) {
    const engine = await openEngine(context);
    return await forEach(
      await containersOf(engine, operands, all && "running", "pause"),
      async (container) => {
        await engine.pause(container);
        context.print(`${container}\n`);
      },
    );
  },
});
