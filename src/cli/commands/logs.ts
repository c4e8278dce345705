import { RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { interruptible } from "../interrupt.ts";
import { writeAll } from "../output.ts";

export default command({
  name: "logs",
  synopsis: "runt logs [options] <container>",
  summary: "show what a container has written",
  description: [
    "What it wrote to stdout goes to stdout, and to stderr what it wrote there. Works on containers that have ended too, and over rotated files.",
    "With --follow it goes on until the container has ended; while it waits to be started again by its restart policy, it has not.",
  ],
  examples: [
    ["runt logs --follow --tail 20 web", "the last lines, and what comes"],
    ["runt logs --since 10m --timestamps web", "of the last ten minutes"],
  ],
  source: "docker logs",
  operands: ["container"],
  options: {
    follow: { type: "boolean", short: "f", summary: "go on until the container has ended" },
    since: {
      type: "string",
      value: "time",
      summary: 'nothing older: "10m", "2026-11-21T09:48:00Z", seconds since 1970',
    },
    until: { type: "string", value: "time", summary: "nothing newer" },
    tail: {
      type: "string",
      short: "n",
      value: "lines",
      default: "all",
      summary: "so many of the last lines",
    },
    timestamps: { type: "boolean", short: "t", summary: "say when each line was written" },
    details: {
      type: "boolean",
      summary: "show what --log-opt has noted of the container, which is nothing yet",
    },
  },
  async run(context, [container], { follow, since, until, tail, timestamps, details }) {
    const [{ exactMoment }, { LogPrinter }] = await Promise.all([
      import("../moment.ts"),
      import("../log-printer.ts"),
    ]);
    const options = {
      follow,
      since: since === undefined ? undefined : exactMoment("since", since),
      until: until === undefined ? undefined : exactMoment("until", until),
      tail: linesOf(tail),
    };
    const engine = await openEngine(context);
    const printer = new LogPrinter({ timestamps, details });
    return await interruptible(async (signal) => {
      try {
        for await (const lines of engine.logs(container!, { ...options, signal })) {
          for (const { fd, bytes } of printer.take(lines)) writeAll(fd, bytes);
        }
      } catch (error) {
        // Whoever read our output has seen enough.
        if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
      }
      return 0;
    });
  },
});

/** "all" and what is below 0 are all of them. */
function linesOf(text: string): number | undefined {
  if (text === "all") return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw new RuntError("InvalidArgument", `--tail ${JSON.stringify(text)}: neither a number nor "all"`, {
      operation: "logs",
    });
  }
  return Number(text) < 0 ? undefined : Number(text);
}
