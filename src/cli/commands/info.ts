import { command } from "../command.ts";
import { openEngine } from "../engine.ts";

export default command({
  name: "info",
  synopsis: "runt info [options]",
  summary: "show what this machine is to containers, and how many there are",
  source: "docker info",
  operands: [],
  options: {
    format: { type: "string", short: "f", value: "format", default: "", summary: "json, or a Go template" },
  },
  async run(context, _operands, { format }) {
    const { engineInfo, infoText } = await import("../info.ts");
    const info = await engineInfo(await openEngine(context));
    if (format === "") context.print(infoText(info));
    else if (format === "json") context.print(`${(await import("../output.ts")).goJson(info)}\n`);
    else context.print(`${(await import("../template.ts")).template(format)(info)}\n`);
    return 0;
  },
});
