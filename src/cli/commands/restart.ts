import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { interruptible } from "../interrupt.ts";
import { atOnce } from "../several.ts";
import { stopFlags, stopOptions } from "../stop-flags.ts";

export default command({
  name: "restart",
  synopsis: "runt restart [options] <container> [<container>…]",
  summary: "stop containers, and start them again",
  source: "docker restart",
  operands: ["container", "[container…]"],
  options: stopFlags,
  async run(context, operands, given) {
    const engine = await openEngine(context);
    return await interruptible((abort) =>
      atOnce(operands, context, async (container) => {
        await engine.restart(container, { abort, ...stopOptions(given) });
      }),
    );
  },
});
