import { RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { interruptible } from "../interrupt.ts";
import { writeAll } from "../output.ts";

const stdout = 1;

export default command({
  name: "export",
  synopsis: "runt export [options] <container>",
  summary: "write a container's root file system to an archive",
  description: [
    "All layers as one, without volumes and whatever else is mounted in it. `runt import` makes an image of it.",
  ],
  examples: [["runt export web | runt import - web:flat", "an image of one layer"]],
  source: "docker export",
  operands: ["container"],
  options: {
    output: { type: "string", short: "o", value: "file", summary: "instead of stdout" },
  },
  async run(context, [container], { output }) {
    const [{ closeSync, openSync, rmSync }, { isatty }] = await Promise.all([
      import("node:fs"),
      import("node:tty"),
    ]);
    if (output === undefined && isatty(stdout)) {
      throw new RuntError("InvalidArgument", "not to a terminal: use --output, or redirect stdout", {
        operation: "export",
      });
    }
    const engine = await openEngine(context);
    // Before there is a file.
    await engine.find(container!, "export");
    return await interruptible(async (signal) => {
      const fd = output === undefined ? stdout : openSync(output, "w", 0o600);
      try {
        const onWarning = (text: string) => context.log("warning", text);
        for await (const bytes of engine.export(container!, { onWarning, signal })) writeAll(fd, bytes);
      } catch (error) {
        if (output !== undefined) rmSync(output, { force: true });
        throw error;
      } finally {
        if (output !== undefined) closeSync(fd);
      }
      return 0;
    });
  },
});
