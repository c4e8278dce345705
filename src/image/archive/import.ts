/** An image from the tar of a root file system: one layer, and a config that the user writes. */
import type { Platform } from "../../spec/image/platform.ts";
import type { IngestOptions } from "../content/ingest.ts";
import type { ContentStore } from "../content/store.ts";
import { hostPlatform } from "../platform/host.ts";
import { applyChanges } from "./change.ts";
import { type ArchiveInput, openInput } from "./input.ts";
import { type PutImage, putImage } from "./put-image.ts";
import { storeLayer } from "./store-layer.ts";
import { checkedTar } from "./tar-events.ts";

export interface ImportOptions extends IngestOptions {
  /** Instructions of a Dockerfile, as `--change` has them. */
  readonly changes?: readonly string[];
  /** Said in the image's history. */
  readonly message?: string | undefined;
  readonly author?: string | undefined;
  /** What the files are for; this kind of machine unless said. */
  readonly platform?: Platform | undefined;
  /** When the image was made; now unless said. */
  readonly created?: Date;
}

/** Nobody knows whether the files need all that this processor can do, and they had better run on others. */
function thisKind(): Platform {
  const { variant, ...platform } = hostPlatform();
  return platform.architecture === "amd64" ? platform : { ...platform, variant };
}

/**
 * Stores the tar, which may be compressed and stays as it is, as an image without a name.
 * @throws {RuntError} InvalidArgument for a change that is none, before anything is read, and where it is no tar
 */
export async function importImage(
  input: ArchiveInput,
  content: ContentStore,
  options: ImportOptions,
): Promise<PutImage> {
  const { changes = [], message, author, created = new Date(), platform = thisKind() } = options;
  const config = applyChanges({ Env: [] }, changes);
  const operation = "import";
  const { name, bytes } = openInput(input, operation, options.signal);
  const { layer, diffID } = await storeLayer(content, bytes, {
    ...options,
    what: name,
    operation,
    through: (tar) => checkedTar(tar, { name, operation }),
  });
  const { os, architecture, variant } = platform;
  const time = created.toISOString();
  const text = JSON.stringify({
    created: time,
    ...(author !== undefined && { author }),
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config: { ...config, Env: config.Env.length === 0 ? undefined : config.Env },
    rootfs: { type: "layers", diff_ids: [diffID] },
    history: [{ created: time, comment: message ?? `Imported from ${name}` }],
  });
  return putImage(content, text, [layer], options);
}
