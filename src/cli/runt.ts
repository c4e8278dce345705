/** `runt`: images, and the same runtime, for people. */
import type { Program } from "./command.ts";
import completion from "./commands/completion.ts";
import history from "./commands/history.ts";
import image from "./commands/image.ts";
import images from "./commands/images.ts";
import importTar from "./commands/import.ts";
import load from "./commands/load.ts";
import login from "./commands/login.ts";
import logout from "./commands/logout.ts";
import plan from "./commands/plan.ts";
import pull from "./commands/pull.ts";
import push from "./commands/push.ts";
import rmi from "./commands/rmi.ts";
import save from "./commands/save.ts";
import tag from "./commands/tag.ts";
import unpack from "./commands/unpack.ts";
import version from "./commands/version.ts";
import { imageOptions, runtimeOptions } from "./globals.ts";
import { main } from "./main.ts";

export const runt: Program = {
  name: "runt",
  summary: "pull images, make bundles of them, and look into what a container is made of",
  description: [],
  options: { ...runtimeOptions, ...imageOptions },
  messages: "people",
  groups: [
    { title: "Images", commands: [pull, push, images, tag, rmi, history, save, load, importTar, image] },
    { title: "Registries", commands: [login, logout] },
    { title: "Bundles", commands: [unpack, plan] },
    { title: "Other", commands: [completion, version] },
  ],
};

if (import.meta.main) void main(runt, process.argv.slice(2)).then((status) => process.exit(status));
