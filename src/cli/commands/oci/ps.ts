import { RuntError } from "../../../errors.ts";
import { command } from "../../command.ts";
import { goJson } from "../../output.ts";
import { format } from "./format.ts";

export default command({
  name: "ps",
  synopsis: "runt-oci ps [options] <container-id> [ps options…]",
  summary: "list the processes of a container",
  description: [
    "Options after the container id go to the host's ps(1), -ef by default; its output needs a PID column.",
  ],
  examples: [
    ["runt-oci ps web-1 -o pid,args", "what runs in web-1"],
    ["runt-oci ps --format json web-1", "only the pids, as the host counts them"],
  ],
  source: "runc-ps(8)",
  operands: ["container-id", "[ps options…]"],
  passesThrough: true,
  options: { format },
  async run(context, [id, ...psOptions], { format }) {
    const { ps } = await import("../../../runtime/index.ts");
    const pids = ps(context, id!);
    context.print(format === "json" ? `${goJson(pids)}\n` : linesOf(await hostPs(psOptions), new Set(pids)));
    return 0;
  },
});

/** What the host's ps prints. It gets a PATH, because callers often leave us without one. */
async function hostPs(options: readonly string[]): Promise<string> {
  const { spawnSync } = await import("node:child_process");
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin", ...process.env };
  const { status, stdout, stderr, error } = spawnSync("ps", options.length > 0 ? options : ["-ef"], {
    env,
    encoding: "utf8",
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  if (error || status !== 0) {
    const why = error ? error.message : `exit status ${status}: ${stdout}${stderr}`;
    throw new RuntError("Internal", `ps: ${why}`, { operation: "ps" }, error);
  }
  return stdout;
}

/** The title, and the lines whose PID is one of `pids`. */
export function linesOf(output: string, pids: ReadonlySet<number>): string {
  const [title = "", ...lines] = output.split("\n");
  const column = title.trim().split(/\s+/).indexOf("PID");
  if (column < 0) {
    throw new RuntError("InvalidArgument", "couldn't find PID field in ps output", { operation: "ps" });
  }
  const ours = lines.filter((line) => pids.has(Number(line.trim().split(/\s+/)[column])));
  return [title, ...ours].map((line) => `${line}\n`).join("");
}
