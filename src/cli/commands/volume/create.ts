import { command } from "../../command.ts";
import { conflict } from "../../container-flags/flag-error.ts";
import { openEngine } from "../../engine.ts";

export default command({
  name: "create",
  synopsis: "runt create [options] [<name>]",
  summary: "make a volume; its name is made up without one",
  examples: [["runt volume create -o type=tmpfs -o device=tmpfs -o o=size=64m cache", "in memory"]],
  source: "docker volume create",
  operands: ["[name]"],
  options: {
    driver: {
      type: "string",
      short: "d",
      value: "driver",
      default: "local",
      summary: "local is the only one",
    },
    opt: {
      type: "strings",
      short: "o",
      value: "name=value",
      summary: "what mount(8) is told: type, o, device",
    },
    label: { type: "strings", value: "name[=value]", summary: "say something about it" },
    name: { type: "string", value: "name", summary: "the name", hidden: true },
  },
  async run(context, [operand], { driver, opt, label, ...options }) {
    const { pairs } = await import("../../container-flags/labels.ts");
    if (operand !== undefined && options.name !== undefined) throw conflict("a name twice");
    const name = operand ?? options.name;
    const engine = await openEngine(context);
    const volume = await engine.createVolume({
      driver,
      options: pairs("--opt", opt),
      labels: pairs("--label", label),
      ...(name !== undefined && { name }),
    });
    context.print(`${volume.Name}\n`);
    return 0;
  },
});
