import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../../errors.ts";
import { command } from "../../command.ts";
import { goJson } from "../../output.ts";

export default command({
  name: "spec",
  synopsis: "runt-oci spec [options]",
  summary: "write a config.json to start from",
  description: [
    "It runs sh on a terminal with the root file system in rootfs, which must not be written to. Change process.args to run something else.",
  ],
  examples: [
    [
      "mkdir -p hello/rootfs && runt-oci spec --bundle hello",
      "a bundle that needs only a root file system; then: runt-oci run --bundle hello hello-1",
    ],
    ["runt-oci spec --rootless", "for a user other than root"],
  ],
  source: "runc-spec(8)",
  operands: [],
  options: {
    bundle: {
      type: "string",
      short: "b",
      value: "dir",
      summary: "where to write it (default is the current directory)",
    },
    rootless: {
      type: "boolean",
      summary: "for a container that the current user can make without being root",
    },
  },
  async run(_context, _operands, { bundle = ".", rootless }) {
    const { specTemplate, rootlessSpecTemplate } = await import("../../../runtime/spec-template.ts");
    const user = { uid: process.geteuid!(), gid: process.getegid!() };
    const config = rootless ? rootlessSpecTemplate(user) : specTemplate();
    try {
      writeFileSync(join(bundle, "config.json"), goJson(config, "\t"), { flag: "wx", mode: 0o666 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const what = "File config.json exists. Remove it first";
      throw new RuntError("AlreadyExists", what, { operation: "spec", path: join(bundle, "config.json") });
    }
    return 0;
  },
});
