import { command } from "../../command.ts";
import {
  filterOption,
  filtersOf,
  formatOption,
  invalidFilter,
  matchesLabels,
  openEngine,
} from "../../engine.ts";
import { parseBool } from "../../go-flags.ts";
import { formatRows, labelsText } from "../../rows.ts";

const headings = {
  Driver: "DRIVER",
  Name: "VOLUME NAME",
  Mountpoint: "MOUNTPOINT",
  Scope: "SCOPE",
  Labels: "LABELS",
  Links: "LINKS",
  Size: "SIZE",
};

export default command({
  name: "ls",
  synopsis: "runt ls [options]",
  summary: "list volumes",
  source: "docker volume ls",
  operands: [],
  options: {
    filter: filterOption("dangling=true|false, name=text, label=key[=value], driver=name"),
    format: formatOption,
    quiet: { type: "boolean", short: "q", summary: "only names" },
  },
  async run(context, _operands, { filter, format, quiet }) {
    const filters = filtersOf(filter, ["dangling", "name", "label", "label!", "driver"]);
    const dangling = filters.dangling?.map((text) => {
      const wanted = parseBool(text);
      if (wanted === undefined) throw invalidFilter(`dangling=${text}`, "true or false");
      return wanted;
    });
    const engine = await openEngine(context);
    const volumes = (await engine.listVolumes()).filter(
      ({ Name, Driver, Labels, Containers }) =>
        matchesLabels(Labels, filters) &&
        (filters.name?.some((text) => Name.includes(text)) ?? true) &&
        (filters.driver?.includes(Driver) ?? true) &&
        (dangling?.includes(Containers.length === 0) ?? true),
    );
    const rows = volumes.map(({ Name, Driver, Mountpoint, Scope, Labels, Containers }) => ({
      Driver,
      Labels: labelsText(Labels),
      Links: String(Containers.length),
      Mountpoint,
      Name,
      Scope,
      Size: "N/A",
    }));
    const columns = ["Driver", "Name"];
    context.print(
      quiet
        ? rows.map(({ Name }) => `${Name}\n`).join("")
        : formatRows(
            rows,
            { headings, columns },
            format,
            volumes.map(({ Labels }) => Labels),
          ),
    );
    return 0;
  },
});
