import type { HistoryEntry } from "../../image/history.ts";
import { command } from "../command.ts";
import { goTime, humanAgo, humanSize } from "../human.ts";
import { openImages, platformOption, shownId, toPlatform } from "../images.ts";
import { formatRows, type Row } from "../rows.ts";

const headings = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
};

const columns = ["ID", "CreatedSince", "CreatedBy", "Size", "Comment"];

export default command({
  name: "history",
  synopsis: "runt history [options] <image>",
  summary: "show how an image was made, newest step first",
  source: "docker history",
  operands: ["image"],
  options: {
    format: { type: "string", value: "format", default: "table", summary: "table, json, or a Go template" },
    human: { type: "boolean", short: "H", default: true, summary: "sizes and times in words" },
    noTrunc: { type: "boolean", summary: "whole IDs and commands" },
    quiet: { type: "boolean", short: "q", summary: "only IDs" },
    ...platformOption,
  },
  async run(context, [name], { format, human, noTrunc, quiet, platform }) {
    const images = await openImages(context);
    const { image } = await images.find(name!, { operation: "history" }, await toPlatform(platform));
    const rows = (await images.history(image)).map((entry) => rowOf(entry, { human, noTrunc }));
    context.print(
      quiet ? rows.map(({ ID }) => `${ID}\n`).join("") : formatRows(rows, { headings, columns }, format),
    );
    return 0;
  },
});

const longestCommand = 45;

function rowOf(
  { id, created, createdBy, bytes, comment }: HistoryEntry,
  { human, noTrunc }: { readonly human: boolean; readonly noTrunc: boolean },
): Row {
  const command = createdBy.replaceAll("\t", " ");
  return {
    Comment: comment,
    CreatedAt: goTime(created),
    CreatedBy:
      noTrunc || command.length <= longestCommand ? command : `${command.slice(0, longestCommand - 1)}…`,
    CreatedSince: human ? humanAgo(created) : (created?.toISOString() ?? ""),
    ID: id === undefined ? "<missing>" : shownId(id, noTrunc ? "whole" : "short"),
    Size: human ? humanSize(bytes) : String(bytes),
  };
}
