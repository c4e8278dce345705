import { command } from "../command.ts";
import { commit, version, versionText } from "../version.ts";

export default command({
  name: "version",
  synopsis: "version [options]",
  summary: "print the version, the commit and the specification",
  description: [
    "With --format there are a Client and a Server, as scripts for docker ask for them. They are the same program: there is no daemon.",
  ],
  source: "the same as --version; docker version --format",
  operands: [],
  options: {
    format: { type: "string", short: "f", value: "format", default: "", summary: "json, or a Go template" },
  },
  async run(context, _operands, { format }) {
    if (format === "") {
      context.print(versionText(context.program.name));
      return 0;
    }
    const both = {
      Version: version,
      GitCommit: commit,
      Os: "linux",
      Arch: process.arch === "x64" ? "amd64" : process.arch,
    };
    const document = { Client: both, Server: both };
    if (format === "json") context.print(`${(await import("../output.ts")).json(document)}\n`);
    else context.print(`${(await import("../template.ts")).template(format)(document)}\n`);
    return 0;
  },
});
