import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { interruptible } from "../interrupt.ts";
import { atOnce } from "../several.ts";

export default command({
  name: "restart",
  synopsis: "runt restart [options] <container> [<container>…]",
  summary: "stop containers, and start them again",
  source: "docker restart",
  operands: ["container", "[container…]"],
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
  },
  async run(context, operands, { time, timeout, signal }) {
    const engine = await openEngine(context);
    const timeoutSeconds = time ?? timeout;
    return await interruptible((abort) =>
      atOnce(operands, async (container) => {
        await engine.restart(container, {
          abort,
          ...(signal !== undefined && { signal }),
          ...(timeoutSeconds !== undefined && { timeoutSeconds }),
        });
        context.print(`${container}\n`);
      }),
    );
  },
});
