import { command } from "../../command.ts";
import { goJson } from "../../output.ts";
import { commit, version } from "../../version.ts";

export default command({
  name: "features",
  synopsis: "runt-oci features",
  summary: "print what this runtime can do as JSON",
  source: "runtime-spec features.md; runc-features(8)",
  operands: [],
  options: {},
  async run(context) {
    const { features } = await import("../../../runtime/features.ts");
    context.print(`${goJson(features({ version, commit }), "    ")}\n`);
    return 0;
  },
});
