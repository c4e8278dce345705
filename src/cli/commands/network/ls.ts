import { command } from "../../command.ts";
import { filterOption, filtersOf, formatOption, matchesLabels, openEngine, shortened } from "../../engine.ts";
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

export default command({
  name: "ls",
  synopsis: "runt ls [options]",
  summary: "list networks",
  source: "docker network ls",
  operands: [],
  options: {
    filter: filterOption("name=text, id=prefix, driver=name, label=key[=value]"),
    format: formatOption,
    noTrunc: { type: "boolean", summary: "whole IDs" },
    quiet: { type: "boolean", short: "q", summary: "only IDs" },
  },
  async run(context, _operands, { filter, format, noTrunc, quiet }) {
    const filters = filtersOf(filter, ["name", "id", "driver", "label", "label!"]);
    const { openNetworks } = await import("../../networks.ts");
    const networks = await openNetworks(await openEngine(context));
    const listed = networks
      .list()
      .filter(
        ({ name, id, driver, labels }) =>
          (filters.name?.some((text) => name.includes(text)) ?? true) &&
          (filters.id?.some((text) => id.startsWith(text)) ?? true) &&
          (filters.driver?.includes(driver) ?? true) &&
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
