/** `--label`, `--label-file` and `--annotation`. */
import type { OptionSpecs, OptionValues } from "../option.ts";
import { cut, pairsOfFile } from "./environment.ts";
import { flagError } from "./flag-error.ts";
import type { Surroundings } from "./surroundings.ts";

export const labelOptions = {
  label: {
    type: "strings",
    short: "l",
    value: "name[=value]",
    group: "Metadata",
    summary: "say something about the container",
  },
  labelFile: {
    type: "strings",
    value: "file",
    group: "Metadata",
    summary: "the same from the lines of a file",
  },
  annotation: {
    type: "strings",
    value: "name[=value]",
    group: "Metadata",
    summary: "say something to the OCI runtime: it is in config.json",
  },
} as const satisfies OptionSpecs;

/** @throws {RuntError} InvalidArgument */
export function labelsOf(
  { label, labelFile, annotation }: OptionValues<typeof labelOptions>,
  surroundings: Surroundings,
): { labels: Record<string, string>; annotations: Record<string, string> } {
  const fromFiles = labelFile.flatMap((path) => pairsOfFile("--label-file", path, surroundings));
  const labels = Object.fromEntries(fromFiles.map(([name, value]) => [name, value ?? ""]));
  return {
    labels: { ...labels, ...pairs("--label", label) },
    annotations: pairs("--annotation", annotation),
  };
}

/** `name=value` or `name`, the last one counts. @throws {RuntError} InvalidArgument */
export function pairs(flag: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const [name, value] = cut(text);
      if (name === "") throw flagError(flag, text, "without a name");
      return [name, value ?? ""];
    }),
  );
}
