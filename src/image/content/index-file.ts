/** index.json of the store: the images that it has, with the names that they go by. */
import { readFile, stat } from "node:fs/promises";
import { REF_NAME } from "../../spec/image/annotations.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { parseIndex } from "../../spec/image/document.ts";
import { INDEX } from "../../spec/image/media-types.ts";
import type { ContentDirectory } from "./directory.ts";
import { replaceFile } from "./durable.ts";
import { diskError, operation } from "./store-error.ts";

/** One entry of index.json. */
export interface IndexEntry {
  /** Of the image; an image may be there without one. */
  readonly name: string | undefined;
  readonly descriptor: Descriptor;
}

/**
 * Reads all entries. Without the lock this gives them as they were at one moment.
 * @throws {RuntError} InvalidArgument where something else has made index.json unreadable
 */
export async function readIndexFile(directory: ContentDirectory): Promise<IndexEntry[]> {
  const bytes = await readFile(directory.index).catch((error) => {
    throw diskError(error, "cannot read the names of images");
  });
  const origin = { where: directory.index, operation };
  return parseIndex(bytes, INDEX, origin).manifests.map((descriptor) => ({
    name: descriptor.annotations?.[REF_NAME],
    descriptor,
  }));
}

/** Another text whenever index.json has been replaced, be it by the same. */
export async function indexFileVersion(directory: ContentDirectory): Promise<string> {
  const { ino, mtimeNs, ctimeNs, size } = await stat(directory.index, { bigint: true });
  return [ino, mtimeNs, ctimeNs, size].join(" ");
}

/** Replaces all entries. The caller has the store's lock. */
export async function writeIndexFile(
  directory: ContentDirectory,
  entries: readonly IndexEntry[],
): Promise<void> {
  const manifests = entries.map(({ name, descriptor }) => {
    const { annotations = {}, ...rest } = descriptor;
    const { [REF_NAME]: _old, ...others } = annotations;
    const all = name === undefined ? others : { ...others, [REF_NAME]: name };
    return Object.keys(all).length === 0 ? rest : { ...rest, annotations: all };
  });
  const index = { schemaVersion: 2, mediaType: INDEX, manifests };
  try {
    await replaceFile(directory.index, `${JSON.stringify(index)}\n`);
  } catch (error) {
    throw diskError(error, "cannot write the names of images");
  }
}
