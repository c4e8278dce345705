import { command } from "../../command.ts";

export default command({
  name: "inspect",
  synopsis: "runt inspect [options] <volume> [<volume>…]",
  summary: "show all that is known of volumes, as JSON",
  source: "docker volume inspect",
  operands: ["volume", "[volume…]"],
  options: {
    format: { type: "string", short: "f", value: "format", default: "", summary: "json, or a Go template" },
  },
  run: async (context, operands, { format }) =>
    (await import("../../inspect.ts")).inspect(context, operands, { format, types: ["volume"] }),
});
