import { RuntError } from "../../../errors.ts";
import { goDurationMs } from "../../../spec/go-duration.ts";
import { command } from "../../command.ts";
import { goJson } from "../../output.ts";

export default command({
  name: "events",
  synopsis: "runt-oci events [options] <container-id>",
  summary: "print what a container uses, and when it runs out of memory",
  description: [
    "One JSON object a line: statistics at once and at every interval, out-of-memory kills as they happen.",
  ],
  examples: [["runt-oci events --stats web-1", "the statistics of this moment"]],
  source: "runc-events(8)",
  operands: ["container-id"],
  options: {
    interval: { type: "string", value: "duration", default: "5s", summary: "time between two statistics" },
    stats: { type: "boolean", summary: "print statistics once and end" },
  },
  async run(context, [id], { interval, stats: once }) {
    const intervalMs = durationMs(interval);
    const { events, stats } = await import("../../../runtime/index.ts");
    if (once) {
      context.print(`${goJson(await stats(context, id!))}\n`);
      return 0;
    }
    for await (const event of events(context, id!, { intervalMs })) context.print(`${goJson(event)}\n`);
    return 0;
  },
});

/**
 * A duration as Go writes it ("1m30s", "500ms") in milliseconds.
 * @throws {RuntError} InvalidArgument, also when it is not above zero
 */
export function durationMs(text: string): number {
  const invalid = (why: string) => new RuntError("InvalidArgument", why, { operation: "events" });
  const total = goDurationMs(text);
  if (total === undefined) {
    throw invalid(`invalid value ${JSON.stringify(text)} for flag -interval: parse error`);
  }
  if (total <= 0) throw invalid("duration interval must be greater than 0");
  return Math.max(1, total);
}
