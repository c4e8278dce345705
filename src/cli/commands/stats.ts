import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { interruptible } from "../interrupt.ts";

export default command({
  name: "stats",
  synopsis: "runt stats [options] [<container>…]",
  summary: "show what containers use, as it changes",
  description: [
    "Without names, of all containers that run. Memory is without the page cache that could go at once; CPU is in per cent of one processor.",
  ],
  examples: [["runt stats --no-stream --format '{{.Name}} {{.MemUsage}}'", "once, in a form of one's own"]],
  source: "docker stats",
  operands: ["[container…]"],
  options: {
    all: { type: "boolean", short: "a", summary: "also containers that do not run" },
    format: { type: "string", value: "format", default: "table", summary: "table, json, or a Go template" },
    noStream: { type: "boolean", summary: "only once" },
    noTrunc: { type: "boolean", summary: "whole IDs" },
  },
  async run(context, containers, { all, format, noStream, noTrunc }) {
    const [{ isatty }, { StatsView }] = await Promise.all([import("node:tty"), import("../stats-view.ts")]);
    const engine = await openEngine(context);
    const view = new StatsView({ format, noTrunc });
    const { setTimeout: sleep } = await import("node:timers/promises");
    return await interruptible(async (signal) => {
      view.take(await engine.sample(containers, { all }));
      for (;;) {
        await sleep(noStream ? firstMs : intervalMs, undefined, { signal }).catch(() =>
          signal.throwIfAborted(),
        );
        const text = view.take(await engine.sample(containers, { all }));
        // Each line is cleared as it is written, so that nothing flickers; what is below goes at last.
        const redraws = !noStream && isatty(1);
        context.print(redraws ? `\x1b[H${text.replaceAll("\n", "\x1b[K\n")}\x1b[J` : text);
        if (noStream) return 0;
      }
    });
  },
});

const intervalMs = 1000;
/** How much of a processor is used is seen over a while. */
const firstMs = 500;
