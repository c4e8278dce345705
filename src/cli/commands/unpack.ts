import type { LinuxIDMapping } from "../../spec/runtime/id-mapping.ts";
import { command } from "../command.ts";
import { openImages, platformOption, toPlatform } from "../images.ts";
import { interruptible } from "../interrupt.ts";
import { LayerWarnings } from "../progress/warnings.ts";

export default command({
  name: "unpack",
  synopsis: "runt unpack [options] <image> <directory> [<command> [<argument>…]]",
  summary: "make a bundle of an image, for runt-oci run",
  description: [
    "config.json says what the image says: its user, environment, working directory and command. With --rootfs overlay (the default) it mounts the image's layers from the store, and what the container changes is kept in the bundle; with copy the bundle has all files of its own.",
    "The image's layers stay in the store as long as the bundle is there.",
  ],
  examples: [
    ["runt unpack busybox ./b && runt-oci run --bundle ./b b1", "run an image"],
    ["runt unpack --tty debian:12 ./d bash", "with another command, on a terminal"],
  ],
  source: "image-spec conversion.md; umoci-unpack(1)",
  operands: ["image", "directory", "[command…]"],
  passesThrough: true,
  options: {
    rootfs: {
      type: "choice",
      value: "how",
      choices: ["overlay", "copy"],
      default: "overlay",
      summary: "where the root file system comes from",
    },
    tty: { type: "boolean", short: "t", summary: "the process gets a terminal" },
    env: {
      type: "strings",
      short: "e",
      value: "name=value",
      summary: "an environment variable, over the image's",
    },
    user: { type: "string", short: "u", value: "user[:group]", summary: "instead of the image's" },
    hostname: { type: "string", value: "name", summary: "by default that of the directory" },
    ...platformOption,
  },
  async run(context, [name, directory, ...command], { rootfs, tty, env, user, hostname, ...options }) {
    const { specTemplate, rootlessSpecTemplate } = await import("../../runtime/spec-template.ts");
    const { isOrdinaryUser } = await import("../../runtime/library/default-root.ts");
    const { enteredIdMaps } = await import("../../engine/ordinary-user.ts");
    const images = await openImages(context, "files");
    const platform = await toPlatform(options.platform);
    const maps = enteredIdMaps();
    const base = maps
      ? withIdMaps(rootlessSpecTemplate({ uid: 0, gid: 0 }), maps)
      : isOrdinaryUser()
        ? rootlessSpecTemplate({ uid: process.geteuid!(), gid: process.getegid!() })
        : specTemplate();
    return await interruptible(async (signal) => {
      using warnings = new LayerWarnings(context.log);
      await images.unpack(name!, directory!, {
        onProgress: warnings.beside(() => {}),
        rootfs,
        base,
        env,
        user,
        hostname,
        platform,
        signal,
        terminal: tty,
        command: command.length > 0 ? command : undefined,
      });
      return 0;
    });
  },
});

/** The ids that the files of the image have been given to: the container's are the same. */
function withIdMaps<T extends { readonly linux: object }>(
  template: T,
  { uid, gid }: { readonly uid: readonly LinuxIDMapping[]; readonly gid: readonly LinuxIDMapping[] },
) {
  return { ...template, linux: { ...template.linux, uidMappings: uid, gidMappings: gid } };
}
