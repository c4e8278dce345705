import { commandGroup } from "../subcommands.ts";
import events from "./events.ts";
import info from "./info.ts";
import df from "./system/df.ts";
import prune from "./system/prune.ts";
import revive from "./system/revive.ts";

export default commandGroup({
  name: "system",
  summary: "all that runt keeps: df, prune, revive, events, info",
  source: "docker system; revive is runt's own",
  commands: { df, prune, revive, events, info },
});
