import { command } from "../command.ts";
import { forEach, openImages, shownName } from "../images.ts";

export default command({
  name: "rmi",
  synopsis: "runt rmi [options] <image> [<image>…]",
  summary: "remove names, and images that have none left",
  source: "docker rmi",
  operands: ["image", "[image…]"],
  options: {
    force: { type: "boolean", short: "f", summary: "all names of an ID, and images that containers use" },
    noPrune: {
      type: "boolean",
      summary: "leave layers that nothing needs any more to the next runt image prune",
    },
  },
  run: (context, operands, { force, noPrune }) =>
    forEach(operands, async (operand) => {
      const images = await openImages(context, "files");
      const { untagged, deleted, layers } = await images.remove(operand, { force, keepGarbage: noPrune });
      for (const name of untagged) context.print(`Untagged: ${await shownName(name)}\n`);
      for (const id of [...deleted, ...layers]) context.print(`Deleted: ${id}\n`);
    }),
});
