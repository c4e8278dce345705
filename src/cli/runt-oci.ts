/** `runt-oci`: an OCI runtime for podman, containerd, dockerd and buildah to call. */
import type { Program } from "./command.ts";
import { end } from "./end.ts";
import { runtimeOptions } from "./globals.ts";
import { main } from "./main.ts";

export const runtOci: Program = {
  name: "runt-oci",
  summary: "run containers from OCI bundles",
  description: [
    "A bundle is a directory with a config.json and a root file system. runt-oci takes the commands and options of runc, so that it can stand in for it.",
  ],
  options: runtimeOptions,
  messages: "programs",
  groups: [
    {
      title: "Life of a container",
      commands: {
        create: () => import("./commands/oci/create.ts"),
        start: () => import("./commands/oci/start.ts"),
        state: () => import("./commands/oci/state.ts"),
        kill: () => import("./commands/oci/kill.ts"),
        delete: () => import("./commands/oci/delete.ts"),
        run: () => import("./commands/oci/run.ts"),
      },
    },
    {
      title: "Running containers",
      commands: {
        exec: () => import("./commands/oci/exec.ts"),
        list: () => import("./commands/oci/list.ts"),
        ps: () => import("./commands/oci/ps.ts"),
        events: () => import("./commands/oci/events.ts"),
        pause: () => import("./commands/oci/pause.ts"),
        resume: () => import("./commands/oci/resume.ts"),
        update: () => import("./commands/oci/update.ts"),
        checkpoint: () => import("./commands/oci/checkpoint.ts"),
        restore: () => import("./commands/oci/restore.ts"),
      },
    },
    {
      title: "Other",
      commands: {
        spec: () => import("./commands/oci/spec.ts"),
        features: () => import("./commands/oci/features.ts"),
        completion: () => import("./commands/completion.ts"),
        version: () => import("./commands/oci/version.ts"),
      },
    },
  ],
};

if (import.meta.main) void main(runtOci, process.argv.slice(2)).then(end);
