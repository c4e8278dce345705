import { messageOf, RuntError } from "../../errors.ts";
import { command } from "../command.ts";
import { forEach, openImages, shownName, toPlatforms } from "../images.ts";
import { writeAll } from "../output.ts";

export default command({
  name: "rmi",
  synopsis: "runt rmi [options] <image> [<image>…]",
  summary: "remove names, and images that have none left",
  source: "docker rmi",
  operands: ["image", "[image…]"],
  options: {
    force: {
      type: "boolean",
      short: "f",
      summary: "all names of an ID, images that containers use, and --platform for all names of an image",
    },
    noPrune: {
      type: "boolean",
      summary: "leave layers that nothing needs any more to the next runt image prune",
    },
    platform: {
      type: "strings",
      value: "os/arch[/variant]",
      summary: "only the image for exactly this machine; the name stays while there is one for another",
    },
  },
  run: (context, operands, { force, noPrune, platform }) =>
    forEach(operands, async (operand) => {
      const images = await openImages(context, "files");
      const platforms = await toPlatforms(platform);
      const removed = await images
        .remove(operand, { force, keepGarbage: noPrune, platforms })
        .catch((error: unknown) => {
          // Whoever insists is content when there is none.
          if (!force || !(error instanceof RuntError) || error.kind !== "NotFound") throw error;
          writeAll(2, `error: ${messageOf(error)}\n`);
          return undefined;
        });
      if (!removed) return;
      const { untagged, deleted, layers } = removed;
      for (const name of untagged) context.print(`Untagged: ${await shownName(name)}\n`);
      for (const id of [...deleted, ...layers]) context.print(`Deleted: ${id}\n`);
    }),
});
