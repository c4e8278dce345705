import { command } from "../../command.ts";
import { confirmed } from "../../engine.ts";
import { humanSize, momentOf } from "../../human.ts";
import { openImages, shownName } from "../../images.ts";
import { interruptible } from "../../interrupt.ts";

export default command({
  name: "prune",
  synopsis: "runt prune [options]",
  summary: "remove images without a name, and what nothing needs any more",
  source: "docker image prune",
  operands: [],
  options: {
    all: { type: "boolean", short: "a", summary: "all images that no container uses" },
    filter: {
      type: "strings",
      value: "key=value",
      summary: "until=time, label=key[=value], label!=key[=value]",
    },
    force: { type: "boolean", short: "f", summary: "do not ask" },
  },
  async run(context, _operands, { all, filter, force }) {
    const { RuntError } = await import("../../../errors.ts");
    const { matches, until } = readFilters(filter, (text) => {
      throw new RuntError("InvalidArgument", `invalid filter ${JSON.stringify(text)}`, {
        operation: "prune",
      });
    });
    const images = await openImages(context, "files");
    if (!force) {
      const which = all ? "all images that no container uses" : "all images without a name";
      if (!(await confirmed(`This removes ${which}.`))) return 0;
    }
    return await interruptible(async (signal) => {
      const removed = await images.prune({
        what: all ? "unused" : "dangling",
        matches,
        ...(until && { until }),
        signal,
      });
      const lines = [
        ...(await Promise.all(removed.untagged.map(async (name) => `untagged: ${await shownName(name)}\n`))),
        ...[...removed.deleted, ...removed.layers].map((id) => `deleted: ${id}\n`),
      ];
      if (lines.length > 0) context.print(`Deleted Images:\n${lines.join("")}\n`);
      context.print(`Total reclaimed space: ${humanSize(removed.bytes)}\n`);
      return 0;
    });
  },
});

interface Labelled {
  readonly labels: Readonly<Record<string, string>>;
}

function readFilters(filters: readonly string[], invalid: (text: string) => never) {
  let until: Date | undefined;
  const tests: ((image: Labelled) => boolean)[] = [];
  for (const filter of filters) {
    const [, key, not, value] = /^(until|label)(!?)=(.+)$/s.exec(filter) ?? invalid(filter);
    if (key === "until") {
      until = momentOf(value!) ?? invalid(filter);
      continue;
    }
    const [name, ...rest] = value!.split("=") as [string, ...string[]];
    tests.push(({ labels }) => {
      const has = Object.hasOwn(labels, name) && (rest.length === 0 || labels[name] === rest.join("="));
      return has === (not === "");
    });
  }
  return { until, matches: (image: Labelled) => tests.every((test) => test(image)) };
}
