import { command } from "../../command.ts";

export default command({
  name: "inspect",
  synopsis: "runt inspect [options] <network> [<network>…]",
  summary: "show all that is known of networks, as JSON",
  source: "docker network inspect",
  operands: ["network", "[network…]"],
  options: {
    format: { type: "string", short: "f", value: "format", default: "", summary: "json, or a Go template" },
  },
  run: async (context, operands, { format }) =>
    (await import("../../inspect.ts")).inspect(context, operands, { format, types: ["network"] }),
});
