import { command } from "../../command.ts";
import { confirmed, filterOption, filtersOf, matchesLabels, openEngine } from "../../engine.ts";
import { humanSize } from "../../human.ts";
import { untilOf } from "../../until.ts";

/** -f is --force here. */
const { short: _short, ...filter } = filterOption("until=time, label=key[=value], label!=key[=value]");

export default command({
  name: "prune",
  synopsis: "runt prune [options]",
  summary: "remove containers that do not run",
  source: "docker container prune",
  operands: [],
  options: {
    filter,
    force: { type: "boolean", summary: "do not ask", short: "f" },
  },
  async run(context, _operands, { filter, force }) {
    const filters = filtersOf(filter, ["until", "label", "label!"]);
    const until = untilOf(filters.until);
    if (!force && !(await confirmed("This removes all containers that do not run."))) return 0;
    const engine = await openEngine(context);
    const { removed, bytes } = await engine.prune({
      ...(until && { until }),
      matches: ({ labels }) => matchesLabels(labels, filters),
    });
    if (removed.length > 0) context.print(`Deleted Containers:\n${removed.join("\n")}\n\n`);
    context.print(`Total reclaimed space: ${humanSize(bytes)}\n`);
    return 0;
  },
});
