import { command } from "../../command.ts";
import { containersNamed, regex } from "./matching.ts";

export default command({
  name: "delete",
  synopsis: "runt-oci delete [options] <container-id>",
  summary: "remove a stopped container and what create made for it",
  source: "runtime-spec runtime.md#delete; --force as in runc-delete(8), --regex as in crun(1)",
  operands: ["container-id"],
  options: {
    force: { type: "boolean", short: "f", summary: "kill it first if it runs; no error if there is none" },
    regex,
  },
  async run(context, [pattern], { force, regex }) {
    const { deleteContainer } = await import("../../../runtime/index.ts");
    for (const id of await containersNamed(context, pattern!, regex)) {
      await deleteContainer(context, id, { force });
    }
    return 0;
  },
});
