/** `runt`: containers, images, networks and volumes, for people. */
import type { Program } from "./command.ts";
import attach from "./commands/attach.ts";
import commit from "./commands/commit.ts";
import completion from "./commands/completion.ts";
import container from "./commands/container.ts";
import cp from "./commands/cp.ts";
import create from "./commands/create.ts";
import diff from "./commands/diff.ts";
import events from "./commands/events.ts";
import exec from "./commands/exec.ts";
import exportTar from "./commands/export.ts";
import healthcheck from "./commands/healthcheck.ts";
import history from "./commands/history.ts";
import image from "./commands/image.ts";
import images from "./commands/images.ts";
import importTar from "./commands/import.ts";
import info from "./commands/info.ts";
import inspect from "./commands/inspect.ts";
import internal from "./commands/internal.ts";
import kill from "./commands/kill.ts";
import load from "./commands/load.ts";
import login from "./commands/login.ts";
import logout from "./commands/logout.ts";
import logs from "./commands/logs.ts";
import network from "./commands/network.ts";
import pause from "./commands/pause.ts";
import plan from "./commands/plan.ts";
import port from "./commands/port.ts";
import ps from "./commands/ps.ts";
import pull from "./commands/pull.ts";
import push from "./commands/push.ts";
import rename from "./commands/rename.ts";
import restart from "./commands/restart.ts";
import rm from "./commands/rm.ts";
import rmi from "./commands/rmi.ts";
import run from "./commands/run.ts";
import save from "./commands/save.ts";
import start from "./commands/start.ts";
import stats from "./commands/stats.ts";
import stop from "./commands/stop.ts";
import system from "./commands/system.ts";
import tag from "./commands/tag.ts";
import top from "./commands/top.ts";
import unpack from "./commands/unpack.ts";
import unpause from "./commands/unpause.ts";
import unshare from "./commands/unshare.ts";
import update from "./commands/update.ts";
import version from "./commands/version.ts";
import volume from "./commands/volume.ts";
import wait from "./commands/wait.ts";
import { end } from "./end.ts";
import { imageOptions, runtimeOptions } from "./globals.ts";
import { main } from "./main.ts";

export const runt: Program = {
  name: "runt",
  summary: "run containers of images, without a daemon",
  description: [],
  options: {
    ...runtimeOptions,
    root: {
      ...runtimeOptions.root,
      summary: "where the state of running containers is kept (default /run/runt-engine)",
    },
    ...imageOptions,
  },
  messages: "people",
  groups: [
    {
      title: "Containers",
      commands: [
        run,
        create,
        start,
        stop,
        restart,
        kill,
        rm,
        ps,
        wait,
        logs,
        exec,
        attach,
        top,
        stats,
        cp,
        diff,
        commit,
        exportTar,
        pause,
        unpause,
        rename,
        update,
        port,
        healthcheck,
        container,
      ],
    },
    { title: "Images", commands: [pull, push, images, tag, rmi, history, save, load, importTar, image] },
    { title: "Volumes and networks", commands: [volume, network] },
    { title: "Registries", commands: [login, logout] },
    { title: "Bundles", commands: [unpack, unshare, plan] },
    { title: "Other", commands: [inspect, events, info, system, completion, version] },
  ],
  hidden: [internal],
};

if (import.meta.main) void main(runt, process.argv.slice(2)).then(end);
