/**
 * From a command line and the options it may have to values. What is right is read here; only what is wrong is given to
 * commander, which takes 3 ms to load, a tenth of a whole `runt-oci run`.
 */
import { type Flags, readFlags } from "./go-flags.ts";
import { longName, type OptionSpec, type OptionSpecs } from "./option.ts";
import { UsageError } from "./usage-error.ts";

export interface Parsed {
  readonly options: Readonly<Record<string, unknown>>;
  readonly operands: readonly string[];
  /** `--help` was among the options; nothing else has been checked then. */
  readonly help: boolean;
}

/** Beside those declared. */
const everywhere = {
  help: { type: "boolean", short: "h", summary: "show this" },
} as const satisfies OptionSpecs;

/** For the program as a whole. */
export const versionOption = {
  version: { type: "boolean", short: "v", summary: "show the version" },
} as const satisfies OptionSpecs;

/**
 * Parses `args`.
 * @throws {UsageError} in runc's words
 */
export async function parseArgs(
  args: readonly string[],
  declared: OptionSpecs,
  stop: "at the first operand" | "never",
): Promise<Parsed> {
  const specs: OptionSpecs = { ...declared, ...everywhere };
  const flags = readFlags(args, specs, stop);
  if (flags.unknown !== undefined) {
    const { unknownOption } = await import("./unknown-option.ts");
    throw unknownOption(flags.unknown, specs);
  }
  const options: Record<string, unknown> = {};
  for (const [key, spec] of Object.entries(declared)) {
    const value = valueFor(flags, key, spec);
    if (value !== undefined) options[key] = value;
  }
  return { options, operands: flags.operands, help: flags.given.get("help") === true };
}

/** The last one counts, where there may be only one. */
function valueFor({ given }: Flags, key: string, spec: OptionSpec): unknown {
  const value = given.get(key);
  if (spec.type === "boolean") return value === true;
  const texts = Array.isArray(value) ? (value as readonly string[]) : [];
  if (spec.type === "strings") return texts;
  const text = texts.at(-1);
  if (text === undefined) return spec.default;
  if (spec.type === "integer") return integer(key, text);
  if (spec.type === "choice" && !spec.choices.includes(text)) {
    const otherwise = `invalid value ${JSON.stringify(text)} for flag -${longName(key)}: not ${spec.choices.join(", ")}`;
    throw spec.otherwise ? new Error(spec.otherwise(text)) : new UsageError(otherwise);
  }
  return text;
}

function integer(key: string, text: string): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new UsageError(`invalid value ${JSON.stringify(text)} for flag -${longName(key)}: parse error`);
  }
  return value;
}
