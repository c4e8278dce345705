import { command } from "../command.ts";
import { openImages, platformOption, toPlatform } from "../images.ts";
import { interruptible } from "../interrupt.ts";
import { writeAll } from "../output.ts";
import { LayerWarnings } from "../progress/warnings.ts";

const stderr = 2;

export default command({
  name: "import",
  synopsis: "runt import [options] <file>|<URL>|- [<name[:tag]>]",
  summary: "make an image out of a tar of a root file system",
  description: [
    "The tar may be compressed. One at an http or https URL is fetched first; stdout has the image's ID only, progress is on stderr.",
  ],
  examples: [
    ["tar -C rootfs -c . | runt import --change 'CMD [\"sh\"]' - mine:1", "from a directory"],
    ["runt import https://example.com/rootfs.tar.xz base:1", "from a web server"],
  ],
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
    quiet: { type: "boolean", short: "q", summary: "no progress" },
    ...platformOption,
  },
  async run(context, [file, name], { change, message, quiet, ...options }) {
    const [{ isUrl, withoutSecrets }, { progressView }, { version }] = await Promise.all([
      import("../../image/download.ts"),
      import("../progress/progress.ts"),
      import("../version.ts"),
    ]);
    const images = await openImages(context, "files");
    const platform = await toPlatform(options.platform);
    const input = file === "-" ? { name: "stdin", bytes: process.stdin as AsyncIterable<Uint8Array> } : file!;
    return await interruptible(async (signal) => {
      const id = await (async () => {
        using warnings = new LayerWarnings(context.log);
        const fetches = isUrl(file!) && !quiet;
        if (fetches) writeAll(stderr, `Downloading from ${withoutSecrets(file!)}\n`);
        // What comes by a pipe is nobody's wait but the pipe's.
        const print = (text: string) => writeAll(stderr, text);
        using view = await progressView(fetches && process.stderr.isTTY ? "shown" : "quiet", print, stderr);
        return await images.import(input, name, {
          changes: change,
          message,
          platform,
          registry: { userAgent: `runt/${version}` },
          signal,
          onProgress: warnings.beside(view.onProgress),
        });
      })();
      context.print(`${id}\n`);
      return 0;
    });
  },
});
