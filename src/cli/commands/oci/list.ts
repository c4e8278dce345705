import { existsSync } from "node:fs";
import { RuntError } from "../../../errors.ts";
import type { ListedContainer } from "../../../runtime/api.ts";
import { type Context, command } from "../../command.ts";
import { goJson, table } from "../../output.ts";
import { format } from "./format.ts";
import { stateDocument } from "./state-document.ts";

export default command({
  name: "list",
  synopsis: "runt-oci list [options]",
  summary: "list containers",
  examples: [["runt-oci list --quiet", "their ids, one a line"]],
  source: "runc-list(8)",
  operands: [],
  options: {
    format,
    quiet: { type: "boolean", short: "q", summary: "only the ids" },
  },
  async run(context, _operands, { format, quiet }) {
    const containers = await containersUnder(context);
    context.print(quiet ? containers.map(({ id }) => `${id}\n`).join("") : formats[format](containers));
    return 0;
  },
});

const formats = {
  table: (containers: readonly ListedContainer[]) =>
    table([
      ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"],
      ...containers.map((c) => [c.id, String(c.pid ?? 0), c.status, c.bundle, c.created, c.owner]),
    ]),
  // Go writes an empty slice that nobody made as null, and callers have learnt to read it.
  json: (containers: readonly ListedContainer[]) =>
    `${goJson(containers.length > 0 ? containers.map(stateDocument) : null)}\n`,
};

/** Nobody made the default directory yet: no containers. One that was asked for and is not there: a mistake. */
async function containersUnder(context: Context): Promise<ListedContainer[]> {
  if (!existsSync(context.root)) {
    if (context.rootIsDefault) return [];
    const site = { operation: "list", syscall: "open", path: context.root, code: "ENOENT" };
    throw new RuntError("NotFound", `open ${context.root}: no such file or directory`, site);
  }
  const { list } = await import("../../../runtime/index.ts");
  return list(context);
}
