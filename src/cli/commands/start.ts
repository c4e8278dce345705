import { command } from "../command.ts";
import { foregroundOptions } from "../foreground-options.ts";
import { statusOfFailure } from "./run.ts";

export default command({
  name: "start",
  synopsis: "runt start [options] <container> [<container>…]",
  summary: "start containers that do not run",
  description: [
    "With --attach or --interactive the container is in the foreground, and its exit status is ours, as with run. One that runs already stays as it is.",
  ],
  source: "docker start",
  operands: ["container", "[container…]"],
  options: {
    attach: { type: "boolean", short: "a", summary: "its output is ours, and so is its exit status" },
    interactive: { type: "boolean", short: "i", summary: "and our input is its" },
    ...foregroundOptions,
  },
  failureStatus: (error) => (statusOfFailure(error) === 125 ? 1 : statusOfFailure(error)),
  run: async (context, operands, options) =>
    (await import("../start-containers.ts")).startContainers(context, operands, options),
});
