/** `runt`: the same runtime for people. */
import type { Program } from "./command.ts";
import completion from "./commands/completion.ts";
import plan from "./commands/plan.ts";
import version from "./commands/version.ts";
import { runtimeOptions } from "./globals.ts";
import { main } from "./main.ts";

export const runt: Program = {
  name: "runt",
  summary: "look into what a container is made of",
  description: [],
  options: runtimeOptions,
  groups: [
    { title: "Bundles", commands: [plan] },
    { title: "Other", commands: [completion, version] },
  ],
};

if (import.meta.main) void main(runt, process.argv.slice(2)).then((status) => process.exit(status));
