import type { ImageStore } from "../../image/store.ts";
import { command } from "../command.ts";
import { openImages, platformOption, registryOptions, toPlatform, toRegistryOptions } from "../images.ts";
import { interruptible } from "../interrupt.ts";

/** Where a name without a registry goes is where it was found: registries.conf may have led there. */
async function fullNameOf(images: ImageStore, name: string): Promise<string> {
  return (await images.find(name, { operation: "push" })).name ?? name;
}

export default command({
  name: "push",
  synopsis: "runt push [options] <name[:tag]> [<destination>]",
  summary: "send an image to a registry",
  description: [
    "What the registry has is not sent again, and a layer that another repository of the same registry has is taken from there. With a destination the image goes there under that name.",
  ],
  examples: [["runt push localhost:5000/app:1", "to the registry that the name says"]],
  source: "docker push; the destination as in podman-push(1)",
  operands: ["name", "[destination]"],
  options: {
    allTags: { type: "boolean", short: "a", summary: "every tag of the repository that is here" },
    quiet: { type: "boolean", short: "q", summary: "only the name of what was pushed" },
    ...platformOption,
    ...registryOptions,
  },
  async run(context, [name, destination], options) {
    const { allTags, quiet } = options;
    const [{ fullName, parseReference, repositoryName }, { parsed }, { progressView }] = await Promise.all([
      import("../../image/reference/reference.ts"),
      import("../../image/inspect.ts"),
      import("../progress/progress.ts"),
    ]);
    const images = await openImages(context);
    const registry = await toRegistryOptions(options);
    const platform = await toPlatform(options.platform);
    const tagged = (allTags ? await images.list() : []).flatMap((image) =>
      image.names.filter((one) => parsed(one)?.tag !== undefined),
    );
    const repositoryOf = (text: string) => repositoryName(parseReference(text));
    const tagsOf = (whole: string) => tagged.filter((one) => repositoryOf(one) === repositoryOf(whole));
    // A name without a registry means the first of the repositories that it may mean.
    const firstWithTags = async (text: string) => {
      const { names } = await images.meanings(text, registry);
      return names.find((one) => tagsOf(one).length > 0) ?? names[0]!;
    };
    const target = destination ?? (await (allTags ? firstWithTags(name!) : fullNameOf(images, name!)));
    const repository = repositoryOf(target);
    const names = allTags ? tagsOf(target) : [name!];
    if (names.length === 0) {
      const { RuntError } = await import("../../errors.ts");
      throw new RuntError("NotFound", `no image of ${repository} is here`, { operation: "push" });
    }
    return await interruptible(async (signal) => {
      if (!quiet) context.print(`The push refers to repository [${repository}]\n`);
      for (const one of names) {
        const pushed = await (async () => {
          using view = await progressView(quiet ? "quiet" : "shown", context.print);
          const to = allTags ? {} : { destination: target };
          return await images.push(one, { registry, platform, signal, onProgress: view.onProgress, ...to });
        })();
        const reference = parseReference(allTags ? one : target);
        const { digest, size } = pushed.target;
        context.print(
          quiet
            ? `${fullName(reference)}\n`
            : `${reference.tag ?? "digest"}: digest: ${digest} size: ${size}\n`,
        );
      }
      return 0;
    });
  },
});
