/** `runt-oci`: an OCI runtime for podman, containerd, dockerd and buildah to call. */
import type { Program } from "./command.ts";
import completion from "./commands/completion.ts";
import checkpoint from "./commands/oci/checkpoint.ts";
import create from "./commands/oci/create.ts";
import remove from "./commands/oci/delete.ts";
import events from "./commands/oci/events.ts";
import exec from "./commands/oci/exec.ts";
import features from "./commands/oci/features.ts";
import kill from "./commands/oci/kill.ts";
import list from "./commands/oci/list.ts";
import pause from "./commands/oci/pause.ts";
import ps from "./commands/oci/ps.ts";
import restore from "./commands/oci/restore.ts";
import resume from "./commands/oci/resume.ts";
import run from "./commands/oci/run.ts";
import spec from "./commands/oci/spec.ts";
import start from "./commands/oci/start.ts";
import state from "./commands/oci/state.ts";
import update from "./commands/oci/update.ts";
import version from "./commands/oci/version.ts";
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
    { title: "Life of a container", commands: [create, start, state, kill, remove, run] },
    {
      title: "Running containers",
      commands: [exec, list, ps, events, pause, resume, update, checkpoint, restore],
    },
    { title: "Other", commands: [spec, features, completion, version] },
  ],
};

if (import.meta.main) void main(runtOci, process.argv.slice(2)).then(end);
