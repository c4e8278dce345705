/** Taking a directory away: out of sight at once by rename(2), then file by file, so that nothing half deleted is ever seen. */
import { chmodSync, lstatSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { RuntError } from "../../errors.ts";
import { parseMountInfo } from "../../linux/mountinfo.ts";
import { randomHex } from "../../linux/random.ts";
import { hasCode } from "../../linux/system-error.ts";

/**
 * Renames `path` into the directory `aside`.
 * @returns where it is now; undefined if it was not there
 */
export function moveAside(path: string, aside: string): string | undefined {
  const target = join(aside, randomHex(8));
  try {
    renameSync(path, target);
    return target;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Deletes a tree, whatever modes its directories have. Others may be deleting it as well.
 * @throws {RuntError} FailedPrecondition where something is mounted in it: deleting would go on in there
 */
export async function deleteTree(path: string): Promise<void> {
  refuseMounts(path);
  for (let tries = 0; ; tries++) {
    try {
      return await rm(path, { recursive: true, force: true });
    } catch (error) {
      if (tries === 10 || !hasCode(error, "EACCES", "EPERM", "ENOTEMPTY", "ENOENT")) throw error;
      if (hasCode(error, "EACCES", "EPERM")) openDirectories(path);
    }
  }
}

/** @throws {RuntError} FailedPrecondition where something is mounted at or below `path` */
export function refuseMounts(path: string): void {
  const text = readFileSync("/proc/self/mountinfo", "utf8");
  const name = basename(path);
  // Nearly always; the kernel writes such a name as it is.
  if (/^[\w.-]+$/.test(name) && !text.includes(`/${name}`)) return;
  const mount = parseMountInfo(text).find(
    ({ mountPoint }) => mountPoint === path || mountPoint.startsWith(`${path}/`),
  );
  if (!mount) return;
  const what = `${mount.mountPoint}: still mounted (${mount.fsType})`;
  throw new RuntError("FailedPrecondition", what, { operation: "remove", path, code: "EBUSY" });
}

/** An ordinary user cannot even list a directory of his own that he may not read. */
function openDirectories(path: string): void {
  if (!lstatSync(path).isDirectory()) return;
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) openDirectories(join(path, entry.name));
  }
}
