/**
 * The layer between an image and a container's own: files that are the host's business and no part of what
 * `commit` makes, and mount points for those that are mounted over them.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  type Stats,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { hasCode } from "../../linux/system-error.ts";
import { MergedView } from "./merged.ts";

/** Path in the container → content. */
export type InitFiles = Readonly<Record<string, string>>;

/** What every container has: to be mounted over, or read as they are. */
export const defaultInitFiles: InitFiles = {
  "/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
  "/etc/hostname": "",
  "/etc/resolv.conf": "",
};

/**
 * Fills the empty directory `diff`. A directory of the image keeps its owner, mode and times: OverlayFS takes them
 * from the topmost layer that has it. Where the image has something else in a directory's place, links for one, it has
 * decided otherwise, and is left alone.
 * @param lowers the image's layers, top to bottom
 */
export function makeInitLayer(diff: string, lowers: readonly string[], files: InitFiles): void {
  const image = new MergedView(lowers);
  const made: { path: string; like: Stats | undefined }[] = [{ path: "/", like: image.lstat("/") }];
  for (const [path, content] of Object.entries(files)) {
    if (!makeParents(diff, image, dirname(path), made)) continue;
    writeFileSync(join(diff, path), content);
    chmodSync(join(diff, path), 0o644);
  }
  // Last, because a new file changes the times of its directory; inner ones first.
  for (const { path, like } of made.reverse()) copyAttributes(like, join(diff, path));
}

/**
 * The one init layer of all containers on top of a layer, beside that layer's own files and gone with it. Made when it is
 * first asked for; none of them can change it.
 * @param layer the layer's directory
 * @param lowers it and those below it, top to bottom
 */
export function sharedInitLayer(layer: string, lowers: readonly string[]): string {
  const path = join(layer, "init");
  if (existsSync(path)) return path;
  const unfinished = `${path}.${process.pid}`;
  // Of a process that had our number, and was killed.
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished);
  makeInitLayer(unfinished, lowers, defaultInitFiles);
  try {
    // An empty directory would be replaced, mounted or not.
    if (!existsSync(path)) renameSync(unfinished, path);
  } catch (error) {
    // Somebody was quicker.
    if (!hasCode(error, "ENOTEMPTY", "EEXIST")) throw error;
  }
  rmSync(unfinished, { recursive: true, force: true });
  return path;
}

function makeParents(
  diff: string,
  image: MergedView,
  directory: string,
  made: { path: string; like: Stats | undefined }[],
): boolean {
  if (directory === "/") return true;
  if (!makeParents(diff, image, dirname(directory), made)) return false;
  if (lstatSync(join(diff, directory), { throwIfNoEntry: false })) return true;
  const like = image.lstat(directory);
  if (like && !like.isDirectory()) return false;
  mkdirSync(join(diff, directory));
  // Whatever our umask.
  chmodSync(join(diff, directory), 0o755);
  made.push({ path: directory, like });
  return true;
}

function copyAttributes(like: Stats | undefined, path: string): void {
  if (!like) return;
  const { uid, gid, mode } = lstatSync(path);
  const isOthers = uid !== like.uid || gid !== like.gid;
  if (isOthers) chownSync(path, like.uid, like.gid);
  // A change of owner takes bits of the mode away.
  if (isOthers || mode !== like.mode) chmodSync(path, like.mode & 0o7777);
  utimesSync(path, like.atimeMs / 1000, like.mtimeMs / 1000);
}
