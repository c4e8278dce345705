import { command } from "../../command.ts";
import {
  filterOption,
  filtersOf,
  formatOption,
  invalidFilter,
  matchesLabels,
  openEngine,
  shortened,
} from "../../engine.ts";
import { goTime } from "../../human.ts";
import { formatRows, labelsText } from "../../rows.ts";

const headings = {
  ID: "NETWORK ID",
  Name: "NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  IPv6: "IPV6",
  Internal: "INTERNAL",
  Labels: "LABELS",
  CreatedAt: "CREATED AT",
};

/** @throws {RuntError} InvalidArgument for a value that is none of `words` */
function wordsOf(values: readonly string[] | undefined, key: string, words: readonly string[]) {
  const wrong = values?.find((value) => !words.includes(value));
  if (wrong !== undefined) throw invalidFilter(`${key}=${wrong}`, `one of ${words.join(", ")}`);
  return values;
}

export default command({
  name: "ls",
  synopsis: "runt ls [options]",
  summary: "list networks",
  source: "docker network ls",
  operands: [],
  options: {
    filter: filterOption(
      "name=text, id=prefix, driver=name, type=custom|builtin, scope=local, dangling=true|false, label=key[=value]",
    ),
    format: formatOption,
    noTrunc: { type: "boolean", summary: "whole IDs" },
    quiet: { type: "boolean", short: "q", summary: "only IDs" },
  },
  async run(context, _operands, { filter, format, noTrunc, quiet }) {
    const filters = filtersOf(filter, [
      "name",
      "id",
      "driver",
      "type",
      "scope",
      "dangling",
      "label",
      "label!",
    ]);
    const types = wordsOf(filters.type, "type", ["custom", "builtin"]);
    const dangling = wordsOf(filters.dangling, "dangling", ["true", "false", "1", "0"]);
    const [{ openNetworks, usedNetworks }, { isBuiltin }] = await Promise.all([
      import("../../networks.ts"),
      import("../../../engine/network/builtin.ts"),
    ]);
    const engine = await openEngine(context);
    const networks = await (await openNetworks(engine)).list();
    const used = dangling && (await usedNetworks(engine, networks));
    const listed = networks.filter(
      ({ name, id, driver, labels }) =>
        (filters.name?.some((text) => name.includes(text)) ?? true) &&
        (filters.id?.some((text) => id.startsWith(text)) ?? true) &&
        (filters.driver?.includes(driver) ?? true) &&
        (types?.includes(isBuiltin(name) ? "builtin" : "custom") ?? true) &&
        (filters.scope?.includes("local") ?? true) &&
        (dangling?.some((word) => (word === "true" || word === "1") === !used!.has(name)) ?? true) &&
        matchesLabels(labels, filters),
    );
    const rows = listed.map(({ name, id, driver, internal, labels, created, subnets }) => ({
      CreatedAt: goTime(new Date(created)),
      Driver: driver,
      ID: shortened(id, noTrunc),
      IPv6: String(subnets.some(({ subnet }) => subnet.includes(":"))),
      Internal: String(internal),
      Labels: labelsText(labels),
      Name: name,
      Scope: "local",
    }));
    const columns = ["ID", "Name", "Driver", "Scope"];
    context.print(
      quiet
        ? rows.map(({ ID }) => `${ID}\n`).join("")
        : formatRows(
            rows,
            { headings, columns },
            format,
            listed.map(({ labels }) => labels),
          ),
    );
    return 0;
  },
});
