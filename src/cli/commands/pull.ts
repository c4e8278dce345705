import type { Image } from "../../image/image.ts";
import type { ImageProgress } from "../../image/progress.ts";
import type { parseReference } from "../../image/reference/reference.ts";
import type { RegistryOptions } from "../../image/registry/options.ts";
import type { ImageStore } from "../../image/store.ts";
import { chooseRegistry } from "../choose-registry.ts";
import { type Context, command } from "../command.ts";
import {
  openImages,
  platformOption,
  registryOptions,
  shownName,
  toPlatform,
  toRegistryOptions,
} from "../images.ts";
import { interruptible } from "../interrupt.ts";
import { LayerWarnings } from "../progress/warnings.ts";

export default command({
  name: "pull",
  synopsis: "runt pull [options] <name[:tag|@digest]>",
  summary: "bring an image from a registry, and unpack it",
  description: [
    "A name without a host is docker.io's unless registries.conf says otherwise, one without a tag has the tag latest. Layers that are here already are not fetched again; what an interrupted pull has fetched is gone on with.",
  ],
  examples: [
    ["runt pull debian:12", "from docker.io"],
    ["runt pull --platform linux/arm64 quay.io/a/b@sha256:…", "for another machine, by its digest"],
    ["runt pull --all-tags localhost:5000/app", "every tag there is"],
  ],
  source: "docker pull; --creds, --tls-verify, --authfile, --cert-dir as in podman-pull(1)",
  operands: ["name"],
  options: {
    allTags: { type: "boolean", short: "a", summary: "every tag of the repository" },
    quiet: { type: "boolean", short: "q", summary: "only the name of what was pulled" },
    ...platformOption,
    ...registryOptions,
  },
  async run(context, [name], options) {
    const { allTags, quiet } = options;
    const [{ parseReference }, { progressView }] = await Promise.all([
      import("../../image/reference/reference.ts"),
      import("../progress/progress.ts"),
    ]);
    const { tag } = parseReference(name!);
    const images = await openImages(context, "files");
    const registry = await toRegistryOptions(options);
    const platform = await toPlatform(options.platform);
    return await interruptible(async (signal) => {
      const names = allTags ? await everyTag(images, name!, { registry, signal }) : [name!];
      if (!quiet && !allTags && tag === "latest" && !name!.endsWith(":latest")) {
        context.print("Using default tag: latest\n");
      }
      for (const one of names) {
        const pulled = await (async () => {
          using warnings = new LayerWarnings(context.log);
          using view = await progressView(quiet ? "quiet" : "shown", context.print);
          const onProgress = warnings.beside((progress) => {
            if (progress.type === "trying" && !quiet) context.print(pulling(progress, parseReference));
            view.onProgress(progress);
          });
          return await images.pull(one, { registry, platform, signal, onProgress, choose: chooseRegistry });
        })();
        if (!platform) await warnOfForeign(context, pulled.image);
        const digest = pulled.image.target.digest;
        if (!quiet) {
          const isNew = pulled.before !== digest;
          const status = isNew ? "Downloaded newer image" : "Image is up to date";
          context.print(`Digest: ${digest}\nStatus: ${status} for ${await shownName(pulled.name)}\n`);
        }
        context.print(`${pulled.name}\n`);
      }
      return 0;
    });
  },
});

/** What is said before a name is asked for. */
function pulling(
  { text, name, by, file }: Extract<ImageProgress, { type: "trying" }>,
  parse: typeof parseReference,
): string {
  const { path, tag, digest } = parse(name);
  const lead =
    by === "alias"
      ? `Resolved ${JSON.stringify(text)} as an alias (${file})\nTrying to pull ${name}...\n`
      : by === "search"
        ? `Trying to pull ${name}...\n`
        : "";
  return `${lead}${digest ?? tag}: Pulling from ${path}\n`;
}

/** A full name for each tag that the repository has. */
async function everyTag(
  images: ImageStore,
  text: string,
  options: { readonly registry: RegistryOptions; readonly signal: AbortSignal },
): Promise<string[]> {
  const [{ namesToTry }, { fullName, parseReference, withIdentifier }] = await Promise.all([
    import("../../image/registries-conf/short-name.ts"),
    import("../../image/reference/reference.ts"),
  ]);
  const { names } = await namesToTry(text, await images.meanings(text, options.registry), chooseRegistry);
  for (const [i, name] of names.entries()) {
    try {
      const tags = await images.tags(name, options);
      return tags.map((tag) => fullName(withIdentifier(parseReference(name), { tag })));
    } catch (error) {
      if (options.signal.aborted || i === names.length - 1) throw error;
    }
  }
  return [];
}

/** An image without an index is taken as it is, and may be for another machine. */
async function warnOfForeign(context: Context, image: Image): Promise<void> {
  const [{ platformOf }, { hostPlatform }, { rankPlatform }, { formatPlatform }] = await Promise.all([
    import("../../image/image.ts"),
    import("../../image/platform/host.ts"),
    import("../../image/platform/match.ts"),
    import("../../spec/image/platform.ts"),
  ]);
  // Many a config has a wrong variant.
  const { os, architecture } = platformOf(image);
  const [offered, host] = [{ os, architecture }, hostPlatform()];
  if (offered.architecture === "" || rankPlatform(host, offered) !== undefined) return;
  context.log(
    "warning",
    `the image is for ${formatPlatform(offered)}, and this machine is ${formatPlatform(host)}`,
  );
}
