import { command } from "../../command.ts";
import { confirmed, filtersOf, matchesLabels, openEngine } from "../../engine.ts";
import { humanSize } from "../../human.ts";

export default command({
  name: "prune",
  synopsis: "runt prune [options]",
  summary: "remove volumes without a name that no container uses",
  source: "docker volume prune",
  operands: [],
  options: {
    all: { type: "boolean", short: "a", summary: "those with a name too" },
    filter: { type: "strings", value: "key=value", summary: "label=key[=value], label!=key[=value]" },
    force: { type: "boolean", short: "f", summary: "do not ask" },
  },
  async run(context, _operands, { all, filter, force }) {
    const filters = filtersOf(filter, ["label", "label!"]);
    const which = all ? "all volumes" : "all volumes without a name";
    if (!force && !(await confirmed(`This removes ${which} that no container uses.`))) return 0;
    const engine = await openEngine(context);
    const { removed, bytes } = await engine.pruneVolumes({
      all,
      matches: ({ labels }) => matchesLabels(labels, filters),
    });
    if (removed.length > 0) context.print(`Deleted Volumes:\n${removed.join("\n")}\n\n`);
    context.print(`Total reclaimed space: ${humanSize(bytes)}\n`);
    return 0;
  },
});
