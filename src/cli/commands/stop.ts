import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { interruptible } from "../interrupt.ts";
import { allOption, atOnce, containersOf } from "../several.ts";

export default command({
  name: "stop",
  synopsis: "runt stop [options] <container> [<container>…]\nrunt stop [options] --all",
  summary: "ask containers to end, and kill those that do not",
  description: ["Several are stopped at the same time. A container that does not run is left as it is."],
  source: "docker stop; --all as in podman-stop(1)",
  operands: ["[container…]"],
  options: {
    time: {
      type: "integer",
      short: "t",
      value: "seconds",
      summary: "until it is killed; -1: never (what the container has, or 10)",
    },
    timeout: { type: "integer", value: "seconds", summary: "the same as --time", hidden: true },
    signal: {
      type: "string",
      short: "s",
      value: "signal",
      summary: "instead of the container's own stop signal",
    },
    ...allOption("all that run"),
  },
  async run(context, operands, { time, timeout, signal, all }) {
    const engine = await openEngine(context);
    const containers = await containersOf(engine, operands, all && "running", "stop");
    const timeoutSeconds = time ?? timeout;
    return await interruptible((abort) =>
      atOnce(containers, async (container) => {
        await engine.stop(container, {
          abort,
          ...(signal !== undefined && { signal }),
          ...(timeoutSeconds !== undefined && { timeoutSeconds }),
        });
        context.print(`${container}\n`);
      }),
    );
  },
});
