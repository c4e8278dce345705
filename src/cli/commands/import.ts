import { command } from "../command.ts";
import { openImages, platformOption, toPlatform } from "../images.ts";
import { interruptible } from "../interrupt.ts";
import { LayerWarnings } from "../progress/warnings.ts";

export default command({
  name: "import",
  synopsis: "runt import [options] <file>|- [<name[:tag]>]",
  summary: "make an image out of a tar of a root file system",
  examples: [["tar -C rootfs -c . | runt import --change 'CMD [\"sh\"]' - mine:1", "from a directory"]],
  source: "docker import",
  operands: ["file", "[name]"],
  options: {
    change: {
      type: "strings",
      short: "c",
      value: "instruction",
      summary: "of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, …",
    },
    message: { type: "string", short: "m", value: "text", summary: "for the image's history" },
    ...platformOption,
  },
  async run(context, [file, name], { change, message, ...options }) {
    const images = await openImages(context, "files");
    const platform = await toPlatform(options.platform);
    const input = file === "-" ? { name: "stdin", bytes: process.stdin as AsyncIterable<Uint8Array> } : file!;
    return await interruptible(async (signal) => {
      using warnings = new LayerWarnings(context.log);
      const onProgress = warnings.beside(() => {});
      const id = await images.import(input, name, { changes: change, message, platform, signal, onProgress });
      context.print(`${id}\n`);
      return 0;
    });
  },
});
