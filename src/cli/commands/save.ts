import { command } from "../command.ts";
import { openImages, platformOption, toPlatform } from "../images.ts";
import { interruptible } from "../interrupt.ts";
import { writeAll } from "../output.ts";

const stdout = 1;

export default command({
  name: "save",
  synopsis: "runt save [options] <image> [<image>…]",
  summary: "write images to an archive",
  description: [
    "The archive is what docker, podman, containerd and skopeo load: an OCI image layout with docker's manifest.json beside it. An image that is given by its ID has no name in it.",
  ],
  examples: [
    ["runt save --output app.tar app:1", "to a file"],
    ["runt save app:1 | ssh host runt load", "to another machine"],
  ],
  source: "docker save; --format as in podman-save(1)",
  operands: ["image", "[image…]"],
  options: {
    output: { type: "string", short: "o", value: "file", summary: "instead of stdout" },
    format: {
      type: "choice",
      value: "format",
      choices: ["docker-archive", "oci-archive", "oci-dir"],
      default: "docker-archive",
      summary: "what to write",
    },
    ...platformOption,
  },
  async run(context, names, { output, format, ...options }) {
    const images = await openImages(context);
    const platform = await toPlatform(options.platform);
    return await interruptible(async (signal) => {
      if (output !== undefined) await images.saveTo(names, output, { format, platform, signal });
      else if (format === "oci-dir") throw await refusal("--format oci-dir needs --output");
      else {
        const { isatty } = await import("node:tty");
        if (isatty(stdout)) throw await refusal("not to a terminal: use --output, or redirect stdout");
        for await (const chunk of images.save(names, { format, platform, signal })) writeAll(stdout, chunk);
      }
      return 0;
    });
  },
});

async function refusal(what: string): Promise<Error> {
  const { RuntError } = await import("../../errors.ts");
  return new RuntError("InvalidArgument", what, { operation: "save" });
}
