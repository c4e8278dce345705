import { RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { containerOptions } from "../container-flags/request.ts";
import { createFlags } from "../run-flags.ts";

export default command({
  name: "create",
  synopsis: "runt create [options] <image> [command] [args…]",
  summary: "make a container of an image; start runs it",
  description: [
    "Takes the options of run that say what the container is, and prints the new container's ID.",
  ],
  examples: [
    ["runt create --name db -v data:/var/lib/postgresql/data postgres", "for a later runt start db"],
  ],
  source: "docker create",
  operands: ["image", "[command…]"],
  passesThrough: true,
  // As docker does for what is wrong with a flag.
  failureStatus: (error) => (error instanceof RuntError && error.kind === "InvalidArgument" ? 125 : 1),
  options: { ...createFlags, ...containerOptions },
  run: async (context, operands, options) =>
    (await import("../run-container.ts")).createContainer(context, operands, options),
});
