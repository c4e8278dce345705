/** mkdir(2) of a path with all that is missing of it. Node's own never ends in a file system that nobody can write to. */
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { hasCode } from "./system-error.ts";

/**
 * Makes a directory, and those that lead to it; one that is there stays as it is.
 * @param mode of all that are made
 * @throws ENOTDIR where there is something else on the way, or in its place; EACCES, EROFS; ENOENT below procfs
 */
export function makeDirectory(path: string, mode = 0o777): void {
  const parent = dirname(path);
  if (parent !== path && !isThere(parent)) makeDirectory(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (!hasCode(error, "EEXIST") || !statSync(path).isDirectory()) throw error;
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
