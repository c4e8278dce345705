import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { forEach } from "../images.ts";
import { interruptible } from "../interrupt.ts";

export default command({
  name: "wait",
  synopsis: "runt wait [options] <container> [<container>…]",
  summary: "wait until containers have ended, and print their exit codes",
  source: "docker wait; --condition as in the Docker API",
  operands: ["container", "[container…]"],
  options: {
    condition: {
      type: "choice",
      value: "condition",
      choices: ["not-running", "next-exit", "removed"],
      default: "not-running",
      summary: "what is waited for",
    },
  },
  async run(context, operands, { condition }) {
    const engine = await openEngine(context);
    return await interruptible((signal) =>
      forEach(operands, async (container) => {
        context.print(`${await engine.wait(container, { condition, signal })}\n`);
      }),
    );
  },
});
