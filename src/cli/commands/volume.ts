import { commandGroup } from "../subcommands.ts";
import create from "./volume/create.ts";
import inspect from "./volume/inspect.ts";
import ls from "./volume/ls.ts";
import prune from "./volume/prune.ts";
import rm from "./volume/rm.ts";

export default commandGroup({
  name: "volume",
  summary: "directories that outlive containers: create, ls, inspect, rm, prune",
  source: "docker volume",
  commands: { create, ls, list: ls, inspect, rm, remove: rm, prune },
});
