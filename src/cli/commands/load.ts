import { command } from "../command.ts";
import { openImages, shownName, toPlatforms } from "../images.ts";
import { interruptible } from "../interrupt.ts";
import { LayerWarnings } from "../progress/warnings.ts";

export default command({
  name: "load",
  synopsis: "runt load [options]",
  summary: "read images from an archive",
  description: [
    "From stdin or a file: what docker, podman or skopeo saved, or an OCI image layout, as a tar (compressed or not) or as a directory.",
  ],
  source: "docker load",
  operands: [],
  options: {
    input: { type: "string", short: "i", value: "file", summary: "instead of stdin" },
    quiet: { type: "boolean", short: "q", summary: "no progress" },
    platform: {
      type: "strings",
      value: "os/arch[/variant]",
      summary: "of what the archive has, only the images for this machine",
    },
  },
  async run(context, _operands, { input, quiet, ...options }) {
    const { progressView } = await import("../progress/progress.ts");
    const images = await openImages(context, "files");
    const platforms = await toPlatforms(options.platform);
    const source = input ?? (await standardInput());
    return await interruptible(async (signal) => {
      const loaded = await (async () => {
        using warnings = new LayerWarnings(context.log);
        using view = await progressView(quiet || !process.stdout.isTTY ? "quiet" : "shown", context.print);
        return await images.load(source, {
          platforms,
          signal,
          onProgress: warnings.beside(view.onProgress),
        });
      })();
      for (const { names, image } of loaded) {
        for (const name of names) context.print(`Loaded image: ${await shownName(name)}\n`);
        if (names.length === 0) context.print(`Loaded image ID: ${image.id}\n`);
      }
      return 0;
    });
  },
});

async function standardInput() {
  if (process.stdin.isTTY) {
    const { RuntError } = await import("../../errors.ts");
    throw new RuntError("InvalidArgument", "nothing to load: stdin is a terminal", {
      operation: "load",
      hint: "use --input, or redirect stdin",
    });
  }
  return { name: "stdin", bytes: process.stdin as AsyncIterable<Uint8Array> };
}
