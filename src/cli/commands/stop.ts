import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { interruptible } from "../interrupt.ts";
import { allOption, atOnce, containersOf } from "../several.ts";
import { stopFlags, stopOptions } from "../stop-flags.ts";

export default command({
  name: "stop",
  synopsis: "runt stop [options] <container> [<container>…]\nrunt stop [options] --all",
  summary: "ask containers to end, and kill those that do not",
  description: ["Several are stopped at the same time. A container that does not run is left as it is."],
  source: "docker stop; --all as in podman-stop(1)",
  operands: ["[container…]"],
  options: {
    ...stopFlags,
    ...allOption("all that run"),
  },
  async run(context, operands, { all, ...given }) {
    const engine = await openEngine(context);
    const containers = await containersOf(engine, operands, all && "running", "stop");
    return await interruptible((abort) =>
      atOnce(containers, context, async (container) => {
        await engine.stop(container, { abort, ...stopOptions(given) });
      }),
    );
  },
});
