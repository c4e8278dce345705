import { command } from "../../command.ts";
import { openEngine } from "../../engine.ts";
import { forEach } from "../../images.ts";

export default command({
  name: "rm",
  synopsis: "runt rm [options] <volume> [<volume>…]",
  summary: "remove volumes, with all that is in them",
  source: "docker volume rm",
  operands: ["volume", "[volume…]"],
  options: {
    force: { type: "boolean", short: "f", summary: "one that is not there is no error" },
  },
  async run(context, operands, { force }) {
    const engine = await openEngine(context);
    return await forEach(operands, async (volume) => {
      await engine.removeVolume(volume, { force });
      context.print(`${volume}\n`);
    });
  },
});
