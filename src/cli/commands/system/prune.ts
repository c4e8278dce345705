import { command } from "../../command.ts";
import { confirmed, filtersOf, matchesLabels, openEngine } from "../../engine.ts";
import { humanSize } from "../../human.ts";
import { shownName } from "../../images.ts";
import { interruptible } from "../../interrupt.ts";
import { untilOf } from "../../until.ts";

export default command({
  name: "prune",
  synopsis: "runt prune [options]",
  summary: "remove containers that do not run, and what nothing needs then: networks, images, volumes",
  source: "docker system prune",
  operands: [],
  options: {
    all: {
      type: "boolean",
      short: "a",
      summary: "all images that no container uses, also those with a name",
    },
    volumes: { type: "boolean", summary: "volumes without a name too" },
    filter: {
      type: "strings",
      value: "key=value",
      summary: "until=time, label=key[=value], label!=key[=value]",
    },
    force: { type: "boolean", short: "f", summary: "do not ask" },
  },
  async run(context, _operands, { all, volumes, filter, force }) {
    const filters = filtersOf(filter, ["until", "label", "label!"]);
    const until = untilOf(filters.until);
    const matches = ({ labels }: { readonly labels: Readonly<Record<string, string>> }) =>
      matchesLabels(labels, filters);
    const which = [
      "all containers that do not run",
      "all networks that no container wants",
      all ? "all images that no container uses" : "all images without a name",
      ...(volumes ? ["all volumes without a name that no container uses"] : []),
    ];
    if (!force && !(await confirmed(`This removes\n  - ${which.join("\n  - ")}\n`))) return 0;
    const engine = await openEngine(context);
    return await interruptible(async (signal) => {
      const said = (title: string, lines: readonly string[]) => {
        if (lines.length > 0) context.print(`Deleted ${title}:\n${lines.join("\n")}\n\n`);
      };
      const containers = await engine.prune({ matches, ...(until && { until }) });
      said("Containers", containers.removed);
      const { pruneNetworks } = await import("../../networks.ts");
      said(
        "Networks",
        await pruneNetworks(engine, (one) => (!until || new Date(one.created) < until) && matches(one)),
      );
      const gone = volumes ? await engine.pruneVolumes({ matches }) : { removed: [], bytes: 0 };
      said("Volumes", gone.removed);
      const images = await (await engine.images()).prune({
        what: all ? "unused" : "dangling",
        matches,
        ...(until && { until }),
        signal,
      });
      said("Images", [
        ...(await Promise.all(images.untagged.map(async (name) => `untagged: ${await shownName(name)}`))),
        ...[...images.deleted, ...images.layers].map((id) => `deleted: ${id}`),
      ]);
      context.print(`Total reclaimed space: ${humanSize(containers.bytes + gone.bytes + images.bytes)}\n`);
      return 0;
    });
  },
});
