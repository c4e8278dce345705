import { commandGroup } from "../subcommands.ts";
import attach from "./attach.ts";
import commit from "./commit.ts";
import inspectContainer from "./container/inspect.ts";
import prune from "./container/prune.ts";
import cp from "./cp.ts";
import create from "./create.ts";
import diff from "./diff.ts";
import exec from "./exec.ts";
import exportTar from "./export.ts";
import kill from "./kill.ts";
import logs from "./logs.ts";
import pause from "./pause.ts";
import port from "./port.ts";
import ps from "./ps.ts";
import rename from "./rename.ts";
import restart from "./restart.ts";
import rm from "./rm.ts";
import run from "./run.ts";
import start from "./start.ts";
import stats from "./stats.ts";
import stop from "./stop.ts";
import top from "./top.ts";
import unpause from "./unpause.ts";
import update from "./update.ts";
import wait from "./wait.ts";

export default commandGroup({
  name: "container",
  summary: "all that is about containers: prune, and the verbs above",
  source: "docker container",
  commands: {
    attach,
    commit,
    cp,
    diff,
    exec,
    export: exportTar,
    logs,
    stats,
    top,
    ls: ps,
    list: ps,
    ps,
    inspect: inspectContainer,
    run,
    create,
    start,
    stop,
    kill,
    restart,
    rm,
    remove: rm,
    wait,
    rename,
    pause,
    unpause,
    update,
    port,
    prune,
  },
});
