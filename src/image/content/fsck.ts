/** Looks whether the store is what it should be: every blob whole, every image complete. */

import { messageOf } from "../../errors.ts";
import { hasCode } from "../../linux/system-error.ts";
import type { Descriptor } from "../../spec/image/descriptor.ts";
import type { Digest } from "../../spec/image/digest.ts";
import { isNondistributable } from "../../spec/image/media-types.ts";
import type { ContentDirectory } from "./directory.ts";
import { type Edge, reach } from "./graph.ts";
import { digestOfContents } from "./hash-file.ts";
import { type IndexEntry, readIndexFile, writeIndexFile } from "./index-file.ts";
import { listBlobs } from "./list.ts";
import { takeAway } from "./presence.ts";

export interface FsckOptions {
  /** Removes damaged blobs, and names of images whose manifest is not there: both can be pulled again. */
  readonly repair?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called after each blob. */
  readonly onBlob?: (checked: { readonly digest: Digest; readonly size: number }) => void;
}

/** One thing that is not as it should be. */
export interface FsckProblem {
  /** "damaged": other bytes than were stored. "missing": something needs it. "names": index.json is unreadable. */
  readonly kind: "damaged" | "missing" | "names";
  readonly digest?: Digest;
  /** Images that suffer, by name. */
  readonly images: readonly string[];
  /** One line. */
  readonly what: string;
  readonly repaired: boolean;
}

export interface FsckReport {
  readonly blobs: number;
  readonly bytes: number;
  readonly images: number;
  /** None: the store is sound. */
  readonly problems: readonly FsckProblem[];
}

/** Checks every blob and every image. May run beside anything else; blobs that come and go are no problem. */
export async function fsck(directory: ContentDirectory, options: FsckOptions): Promise<FsckReport> {
  const { repair = false, signal, onBlob } = options;
  const problems: FsckProblem[] = [];
  let blobs = 0;
  let bytes = 0;
  for await (const blob of listBlobs(directory)) {
    const damage = await damageOf(directory, blob.digest, signal);
    blobs++;
    bytes += blob.size;
    if (damage !== undefined) {
      const repaired = repair && (await takeAway(directory, blob.digest, signal));
      problems.push({ kind: "damaged", digest: blob.digest, images: [], what: damage, repaired });
    }
    onBlob?.(blob);
  }
  const damaged = new Set(problems.map(({ digest }) => digest));
  let images: IndexEntry[] = [];
  try {
    images = await readIndexFile(directory);
  } catch (error) {
    problems.push({ kind: "names", images: [], what: messageOf(error), repaired: false });
  }
  for (const image of images) problems.push(...(await missingFrom(directory, image, damaged)));
  if (!repair) return { blobs, bytes, images: images.length, problems };
  await dropEmptyNames(directory, problems, signal);
  return { blobs, bytes, images: images.length, problems };
}

async function damageOf(
  directory: ContentDirectory,
  expected: Digest,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const { digest } = await digestOfContents(directory.blob(expected), expected, signal);
    return digest === expected ? undefined : `blob ${expected} is damaged: its digest is ${digest}`;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    if (hasCode(error, "EIO")) return `blob ${expected} cannot be read: ${messageOf(error)}`;
    throw error;
  }
}

/** What an image lacks. An index has at least one of its images; the others are for machines nobody asked for. */
async function missingFrom(
  directory: ContentDirectory,
  { name, descriptor }: IndexEntry,
  damaged: ReadonlySet<Digest | undefined>,
): Promise<FsckProblem[]> {
  const found = new Map<Digest, FsckProblem>();
  const images = name === undefined ? [] : [name];
  const add = (digest: Digest, what: string): void => {
    found.set(digest, { kind: "missing", digest, images, what, repaired: false });
  };
  let children = 0;
  let presentChildren = 0;
  try {
    for await (const { edge, digest, present } of reach(directory, [descriptor])) {
      if (edge.optional) {
        children++;
        if (present) presentChildren++;
      } else if (!present && !mayBeAbsent(edge)) {
        const neededBy = edge.from === undefined ? "index.json" : `manifest ${edge.from}`;
        add(digest, `blob ${digest}, which ${neededBy} names, is not there`);
      }
    }
  } catch (error) {
    // Damaged documents are told of once, as damaged.
    if (damaged.size === 0) add(descriptor.digest, messageOf(error));
  }
  if (children > 0 && presentChildren === 0)
    add(descriptor.digest, `index ${descriptor.digest} is there without any of its images`);
  return [...found.values()];
}

/** A layer that may not be passed on is fetched from elsewhere, when it is needed. */
function mayBeAbsent({ to }: Edge): boolean {
  return isNondistributable(to.mediaType ?? "") || ((to as Descriptor).urls?.length ?? 0) > 0;
}

/** Removes names of what is not there, and says so in `problems`. */
async function dropEmptyNames(
  directory: ContentDirectory,
  problems: FsckProblem[],
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!problems.some(({ kind }) => kind === "missing")) return;
  using _lock = await directory.lock(signal);
  const entries = await readIndexFile(directory);
  const gone = new Set<Digest>();
  for (const { descriptor } of entries) {
    for await (const { digest, present, edge } of reach(directory, [descriptor])) {
      if (edge.from === undefined && !present) gone.add(digest);
      break;
    }
  }
  if (gone.size === 0) return;
  await writeIndexFile(
    directory,
    entries.filter(({ descriptor }) => !gone.has(descriptor.digest)),
  );
  for (const [i, problem] of problems.entries()) {
    if (problem.digest !== undefined && gone.has(problem.digest))
      problems[i] = { ...problem, repaired: true };
  }
}
