/** All that is known of an image, with the members that docker's `image inspect` has. */
import type { StoredImage } from "./find.ts";
import { layerBytes } from "./list.ts";
import { familiarName, fullName, parseReference, type Reference } from "./reference/reference.ts";
import type { Stores } from "./stores.ts";

/** What docker prints of an image, an object of its list. */
export function inspectImage(stores: Stores, image: StoredImage): Record<string, unknown> {
  const { config, id, target, manifest, chainIDs } = image;
  const last = config.history.at(-1);
  const bytes = layerBytes(stores, image).reduce((sum, size) => sum + size, 0);
  return {
    Id: id,
    RepoTags: repoTags(image.names),
    RepoDigests: repoDigests(image),
    Parent: "",
    Comment: last?.comment ?? "",
    Created: config.created ?? "",
    Author: config.author ?? "",
    Config: dockerConfig(config.config),
    Architecture: config.architecture,
    ...(config.variant && { Variant: config.variant }),
    Os: config.os,
    ...(config["os.version"] && { OsVersion: config["os.version"] }),
    Size: bytes,
    GraphDriver: { Name: "overlay", Data: graphData(stores, image) },
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
    Descriptor: { mediaType: target.mediaType, digest: target.digest, size: target.size },
    Manifest: { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size },
    ChainIDs: chainIDs,
  };
}

/** Where its layers are, top to bottom as OverlayFS takes them; only those that are unpacked. */
function graphData({ snapshots }: Stores, { chainIDs }: StoredImage): Record<string, string> {
  const present = [...chainIDs].reverse().filter((chainID) => snapshots.has(chainID));
  return present.length > 0 ? { LowerDir: present.map((chainID) => snapshots.diff(chainID)).join(":") } : {};
}

/** Names with a tag, as people write them. */
export function repoTags(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const reference = parsed(name);
    return reference === undefined ? [name] : reference.digest === undefined ? [familiarName(reference)] : [];
  });
}

/** Each repository that an image is known from, with the digest that it has there. */
export function repoDigests({ names, target }: StoredImage): string[] {
  const all = names.flatMap((name) => {
    const reference = parsed(name);
    if (!reference) return [];
    const { domain, path } = reference;
    return [familiarName({ domain, path, digest: target.digest })];
  });
  return [...new Set(all)];
}

/** A name that another tool wrote may be none of ours. */
export function parsed(name: string): Reference | undefined {
  try {
    const reference = parseReference(name);
    return fullName(reference) === name ? reference : undefined;
  } catch {
    return undefined;
  }
}

/** Only what the image says. */
function dockerConfig(config: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}
