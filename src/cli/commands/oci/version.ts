import { command } from "../../command.ts";
import { versionText } from "../../version.ts";

export default command({
  name: "version",
  synopsis: "version",
  summary: "print the version, the commit and the specification",
  source: "the same as --version",
  operands: [],
  options: {},
  run(context) {
    context.print(versionText(context.program.name));
    return 0;
  },
});
