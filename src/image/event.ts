/** What happens to images, in docker's words, for whoever keeps a record of it. */
import type { Image } from "./image.ts";
import { parsed } from "./inspect.ts";
import { familiarName, type Reference } from "./reference/reference.ts";
import type { Stores } from "./stores.ts";

export interface ImageEvent {
  readonly action: "pull" | "push" | "tag" | "untag" | "delete" | "load" | "save" | "import";
  /** The image's ID; of `pull` and `push` the name, as people write it. */
  readonly actor: string;
  /** As people write it, of `pull` and `push` without tag; the ID of an image without a name. */
  readonly name: string;
  /** Of the image. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Must not throw: what has happened has happened. */
export type OnImageEvent = (event: ImageEvent) => void | Promise<void>;

/** Of a name that the image got, lost or was read or written by; of the image itself without one. @param name full */
export async function noteImage(
  { onEvent }: Stores,
  action: Exclude<ImageEvent["action"], "pull" | "push">,
  image: Pick<Image, "id" | "config">,
  name?: string,
): Promise<void> {
  if (!onEvent) return;
  const reference = name === undefined ? undefined : parsed(name);
  const shown = reference ? familiarName(reference) : name;
  await onEvent({ action, actor: image.id, name: shown ?? image.id, labels: labelsOf(image) });
}

/** Of images by each of their names; by none where they have none. */
export async function noteImages(
  stores: Stores,
  action: "load" | "save",
  images: readonly { readonly names: readonly string[]; readonly image: Image }[],
): Promise<void> {
  for (const { names, image } of images) {
    for (const name of names.length > 0 ? names : [undefined]) await noteImage(stores, action, image, name);
  }
}

/** Of a name at a registry. */
export async function noteTransfer(
  { onEvent }: Stores,
  action: "pull" | "push",
  image: Pick<Image, "config">,
  reference: Reference,
): Promise<void> {
  const { domain, path } = reference;
  const [actor, name] = [familiarName(reference), familiarName({ domain, path })];
  await onEvent?.({ action, actor, name, labels: labelsOf(image) });
}

function labelsOf({ config }: Pick<Image, "config">): Readonly<Record<string, string>> {
  return config.config.Labels ?? {};
}
