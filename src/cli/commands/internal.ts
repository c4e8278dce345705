import { commandGroup } from "../subcommands.ts";
import afterExit from "./internal/after-exit.ts";
import healthChanged from "./internal/health-changed.ts";

export default commandGroup({
  name: "internal",
  summary: "what runt runs itself as",
  source: "docs/decisions/monitor.md",
  commands: { "after-exit": afterExit, "health-changed": healthChanged },
});
