/** The process's environment, and where its program may be found. */
import { isAbsolute, posix } from "node:path";

/** `env` with each name once (the last one counts), in the order of first appearance. */
export function dedupe(env: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const entry of env) byName.set(entry.split("=", 1)[0]!, entry);
  return [...byName.values()];
}

/** The value of `name`, or undefined. */
export function lookUp(env: readonly string[], name: string): string | undefined {
  return env.findLast((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/**
 * Paths that execve(2) may be given for `program`, in order: itself where it has a slash, otherwise in each
 * directory of the container's PATH. Relative directories are passed over, as Go's and so runc's lookup does.
 */
export function executableCandidates(program: string, env: readonly string[]): string[] {
  if (program.includes("/")) return [program];
  const path = lookUp(env, "PATH") ?? "";
  return path
    .split(":")
    .filter(isAbsolute)
    .map((directory) => posix.join(directory, program));
}
