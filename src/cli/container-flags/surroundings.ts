/** What flags are read against: the caller's environment, directory and files. Tests bring their own. */
import { readFileSync } from "node:fs";
import { isAbsolute, join, normalize } from "node:path";
import { hasCode } from "../../linux/system-error.ts";
import { flagError } from "./flag-error.ts";

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** @throws as `fs.readFileSync` does */
  readonly readFile: (path: string) => Buffer;
}

export function ownSurroundings(): Surroundings {
  return { env: process.env, cwd: process.cwd(), readFile: (path) => readFileSync(path) };
}

/** Absolute, without "." and "..", and without a slash at its end. */
export function absolutePath(path: string, cwd: string): string {
  return withoutSlash(normalize(isAbsolute(path) ? path : join(cwd, path)));
}

/** "/a/b/../c/" → "/a/c". */
export function withoutSlash(path: string): string {
  const clean = normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

/**
 * Lines of a file that is the value of a flag.
 * @throws {RuntError} InvalidArgument for a file that cannot be read, or is no UTF-8
 */
export function linesOf(flag: string, path: string, { cwd, readFile }: Surroundings): string[] {
  let bytes: Buffer;
  try {
    bytes = readFile(absolutePath(path, cwd));
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw flagError(flag, path, "no such file");
    throw flagError(flag, path, (error as Error).message);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).split(/\r?\n/);
  } catch {
    throw flagError(flag, path, "not a text in UTF-8");
  }
}
