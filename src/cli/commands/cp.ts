import { RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { openEngine } from "../engine.ts";
import { interruptible } from "../interrupt.ts";
import { writeAll } from "../output.ts";

const stdout = 1;

export default command({
  name: "cp",
  synopsis: "runt cp [options] <container>:<path> <path>|-\nrunt cp [options] <path>|- <container>:<path>",
  summary: "copy files out of a container, or into it",
  description: [
    "Works whether the container runs or not, volumes included; paths in a container begin at its root directory, and no link in it leads out of that.",
    "Into a directory that is there a file is copied under its own name, and a directory as a whole; with `/.` behind it only what is in it. Elsewhere the destination is the new name, and the directory for it must be there.",
    "With `-` an archive goes to stdout, or comes from stdin and is unpacked in a directory.",
    "What is copied out belongs to whoever copies it, with --archive to the numbers that have it in the container, which takes root. What is copied in keeps its owner's numbers; with --archive it belongs to the user whom the container runs as, where one is set.",
  ],
  examples: [
    ["runt cp web:/etc/nginx/nginx.conf .", "a file, out"],
    ["runt cp site/. web:/srv/www", "what is in a directory, in"],
    ["runt cp web:/var/log - | tar tv", "as an archive"],
  ],
  source: "docker cp",
  operands: ["source", "destination"],
  options: {
    archive: { type: "boolean", short: "a", summary: "care for owners: see above" },
    followLink: { type: "boolean", short: "L", summary: "copy what the source links to, not the link" },
    quiet: { type: "boolean", short: "q", summary: "taken for docker's sake: nothing is shown anyway" },
  },
  async run(context, [source, destination], { archive, followLink }) {
    const [{ checkPlaces, placeOf }, { copy, planCopy }, { LocalFiles }] = await Promise.all([
      import("../copy/place.ts"),
      import("../../engine/copy/copy.ts"),
      import("../../engine/copy/local.ts"),
    ]);
    const [from, to] = [placeOf(source!), placeOf(destination!)];
    checkPlaces(from, to);
    const { isatty } = await import("node:tty");
    if (to.in === "stream" && isatty(stdout)) {
      throw new RuntError("InvalidArgument", "not to a terminal: redirect stdout", { operation: "cp" });
    }
    const engine = await openEngine(context);
    const onWarning = (text: string) => context.log("warning", text);
    return await interruptible(async (signal) => {
      if (from.in === "container") {
        await using files = await engine.files(from.container);
        if (to.in === "here") {
          const owner = archive ? "archive" : "container";
          await copy(files, from.path, new LocalFiles(), to.path, { followLink, owner, onWarning, signal });
          return 0;
        }
        const { source: found, name } = planCopy(files, from.path, files, "/", followLink);
        for await (const bytes of files.read(found, { name, onWarning, signal })) writeAll(stdout, bytes);
        return 0;
      }
      if (to.in !== "container") return 1; // refused before
      await using files = await engine.files(to.container);
      const owner = archive ? "container" : "archive";
      if (from.in === "here") {
        await copy(new LocalFiles(), from.path, files, to.path, { followLink, owner, onWarning, signal });
      } else {
        const directory = files.find(to.path, "follow");
        await files.write(directory, process.stdin, { owner, onWarning, signal });
      }
      return 0;
    });
  },
});
