/** `-e` and `--env-file`: the environment beside the image's. @see docker run, "Set environment variables" */
import type { OptionSpecs, OptionValues } from "../option.ts";
import { flagError } from "./flag-error.ts";
import { linesOf, type Surroundings } from "./surroundings.ts";

export const environmentOptions = {
  env: {
    type: "strings",
    short: "e",
    value: "name[=value]",
    group: "Program",
    summary: "set an environment variable; without a value, to what it is here",
  },
  envFile: {
    type: "strings",
    value: "file",
    group: "Program",
    summary: "the same from the lines of a file",
  },
} as const satisfies OptionSpecs;

/**
 * "NAME=value", a name only once; "NAME" for one without a value that is not set here, which takes the image's away.
 * What `-e` says counts more than a file.
 * @throws {RuntError} InvalidArgument
 */
export function environmentOf(
  { env, envFile }: OptionValues<typeof environmentOptions>,
  surroundings: Surroundings,
): string[] {
  const variables = new Map<string, string>();
  const set = (name: string, value: string | undefined) => {
    const given = value ?? surroundings.env[name];
    variables.set(name, given === undefined ? name : `${name}=${given}`);
  };
  for (const path of envFile) {
    for (const [name, value] of pairsOfFile("--env-file", path, surroundings)) set(name, value);
  }
  for (const text of env) {
    const [name, value] = cut(text);
    if (name === "") throw flagError("--env", text, "without a name");
    set(name, value);
  }
  return [...variables.values()];
}

/**
 * Lines `name=value` or `name`; quotes stay as they are, lines with `#` in front are left out.
 * @throws {RuntError} InvalidArgument
 */
export function pairsOfFile(
  flag: string,
  path: string,
  surroundings: Surroundings,
): [name: string, value: string | undefined][] {
  return linesOf(flag, path, surroundings)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [name, value] = cut(line);
      if (name === "") throw flagError(flag, path, `no variable name on line ${JSON.stringify(line)}`);
      if (/\s/.test(name))
        throw flagError(flag, path, `variable ${JSON.stringify(name)} contains whitespace`);
      return [name, value];
    });
}

/** "a=b=c" → ["a", "b=c"]. */
export function cut(text: string, separator = "="): [before: string, after: string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
