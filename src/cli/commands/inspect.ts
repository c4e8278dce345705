import { command } from "../command.ts";

const types = ["container", "image", "volume", "network"] as const;

export default command({
  name: "inspect",
  synopsis: "runt inspect [options] <name> [<name>…]",
  summary: "show all that is known of containers, images, networks or volumes, as JSON",
  examples: [
    ["runt inspect -f '{{.State.Pid}}' web", "one thing of it"],
    ["runt inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web", "its address"],
  ],
  source: "docker inspect",
  operands: ["name", "[name…]"],
  options: {
    format: { type: "string", short: "f", value: "format", default: "", summary: "json, or a Go template" },
    size: { type: "boolean", short: "s", summary: "how much disk a container takes" },
    type: { type: "choice", value: "type", choices: types, summary: "what the names are of" },
  },
  run: async (context, operands, { format, size, type }) =>
    (await import("../inspect.ts")).inspect(context, operands, {
      format,
      size,
      types: type ? [type] : types,
    }),
});
