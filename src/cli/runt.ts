/** `runt`: containers, images, networks and volumes, for people. */
import type { Program } from "./command.ts";
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
      commands: {
        run: () => import("./commands/run.ts"),
        create: () => import("./commands/create.ts"),
        start: () => import("./commands/start.ts"),
        stop: () => import("./commands/stop.ts"),
        restart: () => import("./commands/restart.ts"),
        kill: () => import("./commands/kill.ts"),
        rm: () => import("./commands/rm.ts"),
        ps: () => import("./commands/ps.ts"),
        wait: () => import("./commands/wait.ts"),
        logs: () => import("./commands/logs.ts"),
        exec: () => import("./commands/exec.ts"),
        attach: () => import("./commands/attach.ts"),
        top: () => import("./commands/top.ts"),
        stats: () => import("./commands/stats.ts"),
        cp: () => import("./commands/cp.ts"),
        diff: () => import("./commands/diff.ts"),
        commit: () => import("./commands/commit.ts"),
        export: () => import("./commands/export.ts"),
        pause: () => import("./commands/pause.ts"),
        unpause: () => import("./commands/unpause.ts"),
        rename: () => import("./commands/rename.ts"),
        update: () => import("./commands/update.ts"),
        port: () => import("./commands/port.ts"),
        healthcheck: () => import("./commands/healthcheck.ts"),
        container: () => import("./commands/container.ts"),
      },
    },
    {
      title: "Images",
      commands: {
        pull: () => import("./commands/pull.ts"),
        push: () => import("./commands/push.ts"),
        images: () => import("./commands/images.ts"),
        tag: () => import("./commands/tag.ts"),
        rmi: () => import("./commands/rmi.ts"),
        history: () => import("./commands/history.ts"),
        save: () => import("./commands/save.ts"),
        load: () => import("./commands/load.ts"),
        import: () => import("./commands/import.ts"),
        image: () => import("./commands/image.ts"),
      },
    },
    {
      title: "Volumes and networks",
      commands: {
        volume: () => import("./commands/volume.ts"),
        network: () => import("./commands/network.ts"),
      },
    },
    {
      title: "Registries",
      commands: { login: () => import("./commands/login.ts"), logout: () => import("./commands/logout.ts") },
    },
    {
      title: "Bundles",
      commands: {
        unpack: () => import("./commands/unpack.ts"),
        unshare: () => import("./commands/unshare.ts"),
        plan: () => import("./commands/plan.ts"),
      },
    },
    {
      title: "Other",
      commands: {
        inspect: () => import("./commands/inspect.ts"),
        events: () => import("./commands/events.ts"),
        info: () => import("./commands/info.ts"),
        system: () => import("./commands/system.ts"),
        completion: () => import("./commands/completion.ts"),
        version: () => import("./commands/version.ts"),
      },
    },
  ],
  hidden: { internal: () => import("./commands/internal.ts") },
};

if (import.meta.main) void main(runt, process.argv.slice(2)).then(end);
