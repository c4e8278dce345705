import { command } from "../command.ts";
import { filterOption, filtersOf, formatOption, openEngine } from "../engine.ts";

const filters = [
  "id",
  "name",
  "label",
  "label!",
  "status",
  "exited",
  "before",
  "since",
  "ancestor",
  "volume",
  "network",
  "publish",
  "expose",
  "health",
] as const;

export default command({
  name: "ps",
  synopsis: "runt ps [options]",
  summary: "list containers that run, or all",
  examples: [
    ["runt ps -aq --filter status=exited", "the IDs of those that have ended"],
    ["runt ps --format 'table {{.Names}}\\t{{.Status}}'", "columns of one's own choice"],
  ],
  source: "docker ps",
  operands: [],
  options: {
    all: { type: "boolean", short: "a", summary: "those that do not run too" },
    filter: filterOption(`${filters.filter((name) => name !== "label!").join(", ")}, each with =<value>`),
    format: formatOption,
    last: { type: "integer", short: "n", value: "number", summary: "the newest so many, running or not" },
    latest: { type: "boolean", short: "l", summary: "the newest, running or not" },
    noTrunc: { type: "boolean", summary: "whole IDs and commands" },
    quiet: { type: "boolean", short: "q", summary: "only IDs" },
    size: { type: "boolean", short: "s", summary: "how much disk they take" },
  },
  async run(context, _operands, options) {
    const { all, filter, format, latest, noTrunc, quiet } = options;
    const engine = await openEngine(context);
    const last = latest ? 1 : options.last;
    const containers = await engine.list({
      all,
      filters: filtersOf(filter, filters),
      ...(last !== undefined && last >= 0 && { last }),
    });
    if (quiet) {
      context.print(containers.map(({ id }) => `${noTrunc ? id : id.slice(0, 12)}\n`).join(""));
      return 0;
    }
    const [{ containerRow, containerListing, sizeColumn }, { formatRows }] = await Promise.all([
      import("../container-rows.ts"),
      import("../rows.ts"),
    ]);
    const sizeNeeded = options.size || format.includes(".Size");
    const rows = [];
    for (const container of containers) {
      rows.push(containerRow(container, noTrunc, sizeNeeded ? await sizeColumn(engine, container.id) : ""));
    }
    const labels = containers.map((container) => container.labels);
    context.print(formatRows(rows, containerListing(options.size), format, labels));
    return 0;
  },
});
