import { commandGroup } from "../subcommands.ts";
import history from "./history.ts";
import fsck from "./image/fsck.ts";
import inspect from "./image/inspect.ts";
import prune from "./image/prune.ts";
import images from "./images.ts";
import importTar from "./import.ts";
import load from "./load.ts";
import pull from "./pull.ts";
import push from "./push.ts";
import rmi from "./rmi.ts";
import save from "./save.ts";
import tag from "./tag.ts";

export default commandGroup({
  name: "image",
  summary: "all that is about images: inspect, prune, fsck, and the verbs above",
  source: "docker image; fsck is runt's own",
  commands: {
    ls: images,
    list: images,
    inspect,
    history,
    pull,
    push,
    tag,
    rm: rmi,
    prune,
    save,
    load,
    import: importTar,
    fsck,
  },
});
