import { command } from "../../command.ts";

export default command({
  name: "inspect",
  synopsis: "runt inspect [options] <container> [<container>…]",
  summary: "show all that is known of containers, as JSON",
  source: "docker container inspect",
  operands: ["container", "[container…]"],
  options: {
    format: { type: "string", short: "f", value: "format", default: "", summary: "json, or a Go template" },
    size: { type: "boolean", short: "s", summary: "how much disk it takes" },
  },
  run: async (context, operands, { format, size }) =>
    (await import("../../inspect.ts")).inspect(context, operands, { format, size, types: ["container"] }),
});
