import { command } from "../../command.ts";
import { confirmed, filtersOf, matchesLabels, openEngine } from "../../engine.ts";
import { untilOf } from "../../until.ts";

export default command({
  name: "prune",
  synopsis: "runt prune [options]",
  summary: "remove networks that no container wants",
  source: "docker network prune",
  operands: [],
  options: {
    filter: {
      type: "strings",
      value: "key=value",
      summary: "until=time, label=key[=value], label!=key[=value]",
    },
    force: { type: "boolean", short: "f", summary: "do not ask" },
  },
  async run(context, _operands, { filter, force }) {
    const filters = filtersOf(filter, ["until", "label", "label!"]);
    const until = untilOf(filters.until);
    if (!force && !(await confirmed("This removes all networks that no container wants."))) return 0;
    const { pruneNetworks } = await import("../../networks.ts");
    const removed = await pruneNetworks(
      await openEngine(context),
      ({ labels, created }) => (!until || new Date(created) < until) && matchesLabels(labels, filters),
    );
    if (removed.length > 0) context.print(`Deleted Networks:\n${removed.join("\n")}\n\n`);
    return 0;
  },
});
