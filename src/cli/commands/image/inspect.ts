import { command } from "../../command.ts";
import { forTemplate } from "../../image-template.ts";
import { forEach, openImages, platformOption, toPlatform } from "../../images.ts";
import { goJson } from "../../output.ts";
import { template } from "../../template.ts";

export default command({
  name: "inspect",
  synopsis: "runt inspect [options] <image> [<image>…]",
  summary: "show all that is known of images, as JSON",
  examples: [["runt image inspect --format '{{.Config.Cmd}}' busybox", "one thing of it"]],
  source: "docker image inspect",
  operands: ["image", "[image…]"],
  options: {
    format: { type: "string", short: "f", value: "format", default: "", summary: "json, or a Go template" },
    ...platformOption,
  },
  async run(context, operands, { format, ...options }) {
    const images = await openImages(context);
    const platform = await toPlatform(options.platform);
    const print = format === "" || format === "json" ? undefined : template(format);
    const found: Record<string, unknown>[] = [];
    try {
      return await forEach(operands, async (operand) => {
        const { image } = await images.find(operand, { operation: "inspect" }, platform);
        const inspected = await images.inspect(image);
        if (print) context.print(`${print(forTemplate(inspected))}\n`);
        else found.push(inspected);
      });
    } finally {
      // A list, whatever of it there is: who reads JSON should get JSON.
      if (!print) context.print(format === "json" ? `${goJson(found)}\n` : `${goJson(found, "    ")}\n`);
    }
  },
});
