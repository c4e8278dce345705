import { command } from "../../command.ts";
import { formatOption, openEngine } from "../../engine.ts";

export default command({
  name: "df",
  synopsis: "runt df [options]",
  summary: "show how much disk images, containers and volumes take",
  source: "docker system df",
  operands: [],
  options: {
    format: formatOption,
    verbose: { type: "boolean", short: "v", summary: "each of them" },
  },
  async run(context, _operands, { format, verbose }) {
    const { diskUsage, usageTables, usageText } = await import("../../disk-usage.ts");
    const usage = await diskUsage(await openEngine(context));
    context.print(verbose ? usageTables(usage) : usageText(usage, format));
    return 0;
  },
});
