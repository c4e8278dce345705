import { messageOf } from "../../../errors.ts";
import { command } from "../../command.ts";
import { containersNamed, regex } from "./matching.ts";

export default command({
  name: "kill",
  synopsis: "runt-oci kill [options] <container-id> [signal]",
  summary: "send a signal to the container's first process",
  description: [
    "The signal is a number or a name with or without SIG, TERM by default. KILL reaches every process of a container that has no pid namespace of its own.",
  ],
  examples: [
    ["runt-oci kill web-1", "asks it to end"],
    ["runt-oci kill --all web-1 KILL", "ends all of its processes"],
  ],
  source: "runtime-spec runtime.md#kill; flags as in runc-kill(8), --all and --regex as in crun(1)",
  operands: ["container-id", "[signal]"],
  options: {
    all: { type: "boolean", short: "a", summary: "send it to every process of the container" },
    regex,
  },
  async run(context, [pattern, signal = "SIGTERM"], { all, regex }) {
    const { kill } = await import("../../../runtime/index.ts");
    const { signalNumber } = await import("../../signal.ts");
    const number = signalNumber(signal);
    for (const id of await containersNamed(context, pattern!, regex)) {
      try {
        await kill(context, id, number, { all });
      } catch (error) {
        // Who asks for all processes to go has what they want when none is left.
        if (!all || messageOf(error) !== "container not running") throw error;
      }
    }
    return 0;
  },
});
