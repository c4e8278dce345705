import type { ImageSummary } from "../../image/list.ts";
import { command } from "../command.ts";
import { goTime, humanAgo, humanSize } from "../human.ts";
import { openImages, repositoriesAndTags, shownId } from "../images.ts";
import { formatRows, type Row } from "../rows.ts";

const headings = {
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  VirtualSize: "VIRTUAL SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
  Containers: "CONTAINERS",
  Platform: "PLATFORM",
};

export default command({
  name: "images",
  synopsis: "runt images [options] [<repository[:tag]>]",
  summary: "list the images that are here",
  examples: [
    ["runt images --quiet --filter dangling=true", "the IDs of images without a name"],
    ["runt images --format '{{.Repository}}:{{.Tag}} {{.Size}}'", "in a form of one's own"],
  ],
  source: "docker images",
  operands: ["[repository]"],
  options: {
    all: {
      type: "boolean",
      short: "a",
      summary: "taken for docker's sake: there are no intermediate images",
    },
    digests: { type: "boolean", summary: "show digests" },
    filter: {
      type: "strings",
      short: "f",
      value: "key=value",
      summary:
        "dangling=true|false, label=key[=value], before=image, since=image, until=time, reference=pattern",
    },
    format: { type: "string", value: "format", default: "table", summary: "table, json, or a Go template" },
    noTrunc: { type: "boolean", summary: "whole IDs" },
    quiet: { type: "boolean", short: "q", summary: "only IDs" },
  },
  async run(context, [repository], { digests, filter, format, noTrunc, quiet }) {
    const { imageFilter } = await import("../image-filter.ts");
    const images = await openImages(context);
    const all = await images.list((name, error) =>
      context.log("warning", `${name ?? "an image without a name"}: ${(error as Error).message}`),
    );
    const filters = repository === undefined ? filter : [...filter, `reference=${repository}`];
    const keeps = await imageFilter(filters, all);
    const length = noTrunc ? "whole" : "short";
    const kept = all.flatMap((image) => keeps(image) ?? []);
    if (quiet) {
      context.print([...new Set(kept.map(({ id }) => `${shownId(id, length)}\n`))].join(""));
      return 0;
    }
    const rows = (await Promise.all(kept.map((image) => rowsOf(image, length)))).flat();
    const columns = ["Repository", "Tag", ...(digests ? ["Digest"] : []), "ID", "CreatedSince", "Size"];
    context.print(formatRows(rows, { headings, columns }, format));
    return 0;
  },
});

/** A row for each name. */
async function rowsOf(summary: ImageSummary, length: "short" | "whole"): Promise<Row[]> {
  const { id, names, target, created, bytes, platform, image } = summary;
  const pairs = await repositoriesAndTags({ ...image, names });
  const size = humanSize(bytes);
  return pairs.map(([Repository, Tag]) => ({
    Containers: "N/A",
    CreatedAt: goTime(created) || "N/A",
    CreatedSince: humanAgo(created),
    Digest: target,
    ID: shownId(id, length),
    Platform: [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/"),
    Repository,
    SharedSize: "N/A",
    Size: size,
    Tag,
    UniqueSize: "N/A",
    VirtualSize: size,
  }));
}
