import { RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { forEach } from "../images.ts";
import { writeAll } from "../output.ts";
import { allOption, containersOf } from "../several.ts";

export default command({
  name: "rm",
  synopsis: "runt rm [options] <container> [<container>…]\nrunt rm [options] --all",
  summary: "remove containers",
  source: "docker rm; --all as in podman-rm(1)",
  operands: ["[container…]"],
  options: {
    force: { type: "boolean", short: "f", summary: "kill those that run; one that is not there is no error" },
    volumes: { type: "boolean", short: "v", summary: "their volumes without a name too" },
    ignore: { type: "boolean", short: "i", summary: "one that is not there is no error" },
    link: { type: "boolean", short: "l", summary: "not supported", hidden: true },
    ...allOption("all there are"),
  },
  async run(context, operands, { force, volumes, ignore, all }) {
    const engine = await openEngine(context);
    return await forEach(await containersOf(engine, operands, all && "any", "rm"), async (container) => {
      try {
        await engine.remove(container, { force, volumes });
      } catch (error) {
        const isGone = error instanceof RuntError && error.kind === "NotFound";
        if (!isGone || !(force || ignore)) throw error;
        if (force && !ignore) writeAll(2, `error: ${error.message}\n`);
        return;
      }
      context.print(`${container}\n`);
    });
  },
});
