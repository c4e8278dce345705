import { resolve } from "node:path";
import { command } from "../command.ts";
import { goJson } from "../output.ts";

export default command({
  name: "plan",
  synopsis: "runt plan [options] <bundle>",
  summary: "print every step that creating a container would take, and take none",
  description: [
    "It is the plan that runt-oci create carries out, on this host as it is now: what happens outside the container, then inside, in order.",
  ],
  examples: [
    ["runt plan bundles/hello", "to read"],
    ["runt plan --format json bundles/hello", "to compare with another one"],
  ],
  source: "docs/journeys/config-to-process.md",
  operands: ["bundle"],
  options: {
    format: {
      type: "choice",
      value: "format",
      short: "f",
      choices: ["text", "json"],
      default: "text",
      summary: "for people or for programs",
    },
    config: {
      type: "string",
      value: "file",
      summary: "the configuration (default is config.json in the bundle)",
    },
  },
  async run(context, [bundle], { format, config }) {
    const { formatPlan, planBundle } = await import("../../runtime/index.ts");
    const plan = await planBundle(resolve(bundle!), { context, ...(config && { config: resolve(config) }) });
    context.print(format === "json" ? `${goJson(plan, "  ")}\n` : await formatPlan(plan));
    return 0;
  },
});
