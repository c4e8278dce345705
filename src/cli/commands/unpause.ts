import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { forEach } from "../images.ts";
import { allOption, containersOf } from "../several.ts";

export default command({
  name: "unpause",
  synopsis: "runt unpause <container> [<container>…]\nrunt unpause --all",
  summary: "let paused containers go on",
  source: "docker unpause; --all as in podman-unpause(1)",
  operands: ["[container…]"],
  options: allOption("all that are paused"),
  async run(context, operands, { all }) {
    const engine = await openEngine(context);
    return await forEach(
      await containersOf(engine, operands, all && "paused", "unpause"),
      async (container) => {
        await engine.unpause(container);
        context.print(`${container}\n`);
      },
    );
  },
});
