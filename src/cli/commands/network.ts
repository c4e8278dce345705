import { commandGroup } from "../subcommands.ts";
import connect from "./network/connect.ts";
import create from "./network/create.ts";
import disconnect from "./network/disconnect.ts";
import inspect from "./network/inspect.ts";
import ls from "./network/ls.ts";
import prune from "./network/prune.ts";
import rm from "./network/rm.ts";

export default commandGroup({
  name: "network",
  summary: "networks of containers: create, ls, inspect, rm, prune, connect, disconnect",
  source: "docker network; --driver cni takes a CNI configuration list",
  commands: { create, ls, list: ls, inspect, rm, remove: rm, prune, connect, disconnect },
});
