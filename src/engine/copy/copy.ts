/**
 * What `cp` makes of two paths, here and in a container or the other way round. What is at the destination decides where a
 * file goes and what it is called there, as with docker.
 * @see docker cp, "Extended description"
 */

import { RuntError } from "../../errors.ts";
import type { CopyInOptions, CopyOutOptions, FoundFile } from "../container/copy.ts";

/** Where files come from, or go to. */
export interface CopyEnd {
  /** @throws {RuntError} NotFound where its directory is not there */
  find(path: string, last: "follow" | "nofollow"): FoundFile;
  directoryOf(found: FoundFile): FoundFile;
  read(found: FoundFile, options: CopyOutOptions): AsyncIterable<Uint8Array>;
  write(found: FoundFile, archive: AsyncIterable<Uint8Array>, options: CopyInOptions): Promise<void>;
}

export interface CopyOptions {
  readonly followLink: boolean;
  readonly owner: CopyInOptions["owner"];
  readonly onWarning: (text: string) => void;
  readonly signal: AbortSignal;
}

/** What is to be done: the name in the archive, "" for what is in a directory only; and the directory it goes into. */
export interface CopyPlan {
  readonly source: FoundFile;
  readonly name: string;
  readonly directory: FoundFile;
}

/** @throws {RuntError} NotFoundFile, InvalidArgument */
export function planCopy(
  from: CopyEnd,
  fromPath: string,
  to: CopyEnd,
  toPath: string,
  followLink: boolean,
): CopyPlan {
  const refuse = (kind: "NotFound" | "InvalidArgument", path: string, what: string) =>
    new RuntError(kind, `${path}: ${what}`, { operation: "cp", path });
  const source = from.find(fromPath, followLink ? "follow" : "nofollow");
  if (!source.stat) throw refuse("NotFound", fromPath, "no such file or directory");
  const isDirectory = source.stat.type === "directory";
  if (!isDirectory && /\/\.?$/.test(fromPath)) throw refuse("InvalidArgument", fromPath, "not a directory");

  const target = to.find(toPath, "follow");
  if (target.stat?.type === "directory") {
    const onlyContent = isDirectory && (/(^|\/)\.$/.test(fromPath) || source.name === "");
    return { source, name: onlyContent ? "" : source.name, directory: target };
  }
  if (target.stat && isDirectory)
    throw refuse("InvalidArgument", toPath, "cannot copy a directory over a file");
  if (target.stat && toPath.endsWith("/")) throw refuse("InvalidArgument", toPath, "not a directory");
  if (!target.stat && !isDirectory && /\/\.?$/.test(toPath)) {
    throw refuse("NotFound", toPath, "destination directory must exist");
  }
  return { source, name: target.name, directory: to.directoryOf(target) };
}

/** @throws {RuntError} */
export async function copy(
  from: CopyEnd,
  fromPath: string,
  to: CopyEnd,
  toPath: string,
  { followLink, owner, onWarning, signal }: CopyOptions,
): Promise<void> {
  const { source, name, directory } = planCopy(from, fromPath, to, toPath, followLink);
  const archive = from.read(source, { name, onWarning, signal });
  await to.write(directory, archive, { owner, onWarning, signal });
}
