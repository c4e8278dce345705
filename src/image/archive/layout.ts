/** The other form of an archive: an OCI image layout, where every file is named by its digest. */
import { RuntError } from "../../errors.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import { parseImageDocument, parseImageJson, parseIndex } from "../../spec/image/document.ts";
import { blobPath, INDEX_FILE, LAYOUT_FILE, LAYOUT_VERSION, Layout } from "../../spec/image/layout.ts";
import { INDEX, isIndex, isManifest, isNondistributable } from "../../spec/image/media-types.ts";
import type { IngestOptions } from "../content/ingest.ts";
import { documentLimitBytes } from "../content/read-blob.ts";
import type { ContentStore } from "../content/store.ts";
import type { ArchiveSource } from "./source.ts";

/** Entries of index.json that are images; undefined where this is no image layout. */
export async function layoutEntries(source: ArchiveSource): Promise<Descriptor[] | undefined> {
  const [layout, index] = [await source.document(LAYOUT_FILE), await source.document(INDEX_FILE)];
  if (layout === undefined || index === undefined) return undefined;
  const operation = "load";
  const { imageLayoutVersion: version } = parseImageJson(Layout, layout, {
    where: `${source.name}: ${LAYOUT_FILE}`,
    operation,
  });
  if (!version.startsWith(LAYOUT_VERSION.split(".")[0]!)) {
    throw new RuntError("Unimplemented", `${source.name}: image layout version ${version} is not known`, {
      operation,
      subject: source.name,
    });
  }
  const { manifests } = parseIndex(index, INDEX, { where: `${source.name}: ${INDEX_FILE}`, operation });
  return manifests.filter(({ mediaType }) => isManifest(mediaType) || isIndex(mediaType));
}

/** Indexes in indexes are legal; without end they are not. */
const deepest = 8;

/**
 * Stores all that an entry reaches, below first, so that what the store has of it is always of use. Images of
 * an index may be missing, but not all of them.
 * @param isWanted says which images of an index to store; all unless given
 * @throws {RuntError} InvalidArgument where something is missing; FailedPrecondition where it is something else
 */
export async function storeGraph(
  source: ArchiveSource,
  target: Descriptor,
  content: ContentStore,
  { lease }: IngestOptions,
  isWanted: (child: Descriptor) => boolean = () => true,
): Promise<void> {
  const bring = async (blob: Descriptor): Promise<boolean> => {
    if ((await source.blob(blobPath(blob.digest), blob)) !== undefined) return true;
    // What only the archive has not got.
    await lease.keep(blob.digest);
    return content.has(blob.digest);
  };
  await storeFrom(source, target, content, bring, isWanted, 0);
}

async function storeFrom(
  source: ArchiveSource,
  target: Descriptor,
  content: ContentStore,
  bring: (blob: Descriptor) => Promise<boolean>,
  isWanted: (child: Descriptor) => boolean,
  depth: number,
): Promise<void> {
  if (depth > deepest) throw missing(source, `indexes in indexes without end`);
  if (!(await bring(target))) throw missing(source, `${blobPath(target.digest)} is missing`);
  if (!isManifest(target.mediaType) && !isIndex(target.mediaType)) return;
  const bytes = await content.readSmall(target.digest, documentLimitBytes);
  const origin = { where: `${source.name}: ${blobPath(target.digest)}`, operation: "load" };
  const document = parseImageDocument(bytes, target.mediaType, origin);
  if (document.kind === "manifest") {
    const { config, layers } = document.manifest;
    for (const blob of [config, ...layers]) {
      if (!(await bring(blob)) && !isNondistributable(blob.mediaType)) {
        throw missing(source, `${blobPath(blob.digest)}, which image ${target.digest} needs, is missing`);
      }
    }
    return;
  }
  let images = 0;
  for (const child of document.index.manifests) {
    if (!isWanted(child) || !(await bring(child))) continue;
    await storeFrom(source, child, content, bring, isWanted, depth + 1);
    images++;
  }
  if (images === 0) throw missing(source, `none of the images of ${target.digest} is there`);
}

function missing({ name }: ArchiveSource, what: string): RuntError {
  return new RuntError("InvalidArgument", `${name}: ${what}`, { operation: "load", subject: name });
}
