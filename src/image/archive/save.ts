/**
 * Images out of the store: into one tar, for docker, podman, containerd and skopeo alike, or into a directory
 * in OCI image-layout form. Blobs keep their bytes, so digests and diffIDs stay what they were.
 */
import { constants } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RuntError } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import { REF_NAME } from "../../spec/image/annotations.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { parseIndex } from "../../spec/image/document.ts";
import { blobPath, INDEX_FILE, LAYOUT_FILE } from "../../spec/image/layout.ts";
import { INDEX } from "../../spec/image/media-types.ts";
import type { Platform } from "../../spec/image/platform.ts";
import { replaceFile } from "../content/durable.ts";
import { digestOfContents } from "../content/hash-file.ts";
import type { ContentStore } from "../content/store.ts";
import { type ArchiveContents, contentsOf, type ImageToSave } from "./contents.ts";
import { type TarFile, writeTar } from "./tar-writer.ts";

/** "docker-archive" is an OCI layout too, with the document added that older readers want. */
export type ArchiveFormat = "docker-archive" | "oci-archive";

export interface SaveOptions {
  /** Of an index, only the image for this. By default all that is there. */
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each blob that is done. */
  readonly onBlob?: ((blob: { readonly digest: Digest; readonly size: number }) => void) | undefined;
}

/**
 * The bytes of a tar with these images. They are kept from garbage collection until it is read to its end, or
 * given up.
 * @throws {RuntError} NotFound where the store has not got all of an image, before the first byte; the
 *   signal's reason
 */
export async function* archiveOf(
  content: ContentStore,
  images: readonly ImageToSave[],
  options: SaveOptions & { readonly format: ArchiveFormat },
): AsyncGenerator<Uint8Array> {
  const { format, platform, signal } = options;
  await using lease = await content.lease(signal);
  await lease.keep(...images.map(({ target }) => target.digest));
  const contents = await contentsOf(content, images, platform);
  yield* writeTar(filesOf(content, contents, { ...options, format }));
}

function* filesOf(
  content: ContentStore,
  { layout, index, dockerManifest, blobs }: ArchiveContents,
  { format, signal, onBlob }: SaveOptions & { readonly format: ArchiveFormat },
): Generator<TarFile> {
  yield document(LAYOUT_FILE, layout);
  yield document(INDEX_FILE, index);
  if (format === "docker-archive") yield document("manifest.json", dockerManifest);
  yield { name: "blobs/", size: 0 };
  for (const directory of new Set(blobs.map(({ digest }) => dirname(blobPath(digest))))) {
    yield { name: `${directory}/`, size: 0 };
  }
  for (const blob of blobs) {
    yield { name: blobPath(blob.digest), size: blob.size, content: content.read(blob.digest, signal) };
    onBlob?.(blob);
  }
}

function document(name: string, text: string): TarFile {
  return { name, size: Buffer.byteLength(text), content: text };
}

/**
 * Adds images to a directory, which is made or is an image layout already; a name that is there moves.
 * @throws {RuntError} FailedPrecondition where the directory is something else; NotFound as `archiveOf`
 */
export async function saveLayout(
  content: ContentStore,
  images: readonly ImageToSave[],
  directory: string,
  { platform, signal, onBlob }: SaveOptions = {},
): Promise<void> {
  await using lease = await content.lease(signal);
  await lease.keep(...images.map(({ target }) => target.digest));
  const contents = await contentsOf(content, images, platform);
  const before = await manifestsIn(directory);
  for (const blob of contents.blobs) {
    signal?.throwIfAborted();
    await copyBlob(content, blob.digest, join(directory, blobPath(blob.digest)));
    onBlob?.(blob);
  }
  const added = entriesOf(contents.index);
  const names = new Set(added.flatMap(({ annotations }) => annotations?.[REF_NAME] ?? []));
  const digests = new Set(added.map(({ digest }) => digest));
  const kept = before.filter(({ annotations, digest }) => {
    const name = annotations?.[REF_NAME];
    return name === undefined ? !digests.has(digest) : !names.has(name);
  });
  await replaceFile(join(directory, LAYOUT_FILE), contents.layout);
  const index = { schemaVersion: 2, mediaType: INDEX, manifests: [...kept, ...added] };
  await replaceFile(join(directory, INDEX_FILE), JSON.stringify(index));
}

function entriesOf(index: Uint8Array | string, where = INDEX_FILE) {
  const bytes = typeof index === "string" ? Buffer.from(index) : index;
  return parseIndex(bytes, INDEX, { where, operation: "save" }).manifests;
}

/** What the layout in `directory` has; the directory is made where there is none. */
async function manifestsIn(directory: string) {
  const made = await mkdir(directory, { recursive: true });
  if (made !== undefined) return [];
  try {
    const where = join(directory, INDEX_FILE);
    return entriesOf(await readFile(where), where);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    if ((await readdir(directory)).length === 0) return [];
    throw new RuntError("FailedPrecondition", `${directory} is neither empty nor an image layout`, {
      operation: "save",
      path: directory,
    });
  }
}

async function copyBlob(content: ContentStore, digest: Digest, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (await isBlob(path, digest)) return;
  const temporary = `${path}.${process.pid}.new`;
  try {
    // Where the file system can, both files share their blocks.
    await copyFile(content.path(digest), temporary, constants.COPYFILE_FICLONE);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Whether the layout has the blob already, whole. */
async function isBlob(path: string, digest: Digest): Promise<boolean> {
  try {
    return (await digestOfContents(path, digest)).digest === digest;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
