/**
 * From a command line and the options it may have to values. What is right is read here; only what is wrong is given to
 * commander, which takes 3 ms to load, a tenth of a whole `runt-oci run`.
 */
import { type Flags, readFlags } from "./go-flags.ts";
import { longName, type OptionSpec, type OptionSpecs } from "./option.ts";
import { readPosixFlags } from "./posix-flags.ts";
import { UsageError } from "./usage-error.ts";

export interface Parsed {
  readonly options: Readonly<Record<string, unknown>>;
  readonly operands: readonly string[];
  /** `--help` was among the options; nothing else has been checked then. */
  readonly help: boolean;
}

/** How options are written: as runc's callers do, with Go's `flag`; or as people do after docker and podman. */
export type Dialect = "go" | "posix";

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
 * @throws {UsageError} in runc's words, or docker's
 */
export async function parseArgs(
  args: readonly string[],
  declared: OptionSpecs,
  stop: "at the first operand" | "never",
  dialect: Dialect = "go",
): Promise<Parsed> {
  const specs: OptionSpecs = { ...everywhereBeside(declared), ...declared };
  const flags = (dialect === "go" ? readFlags : readPosixFlags)(args, specs, stop);
  // What is wrong does not matter to whoever asks how it is right.
  if (flags.given.get("help") === true) return { options: {}, operands: flags.operands, help: true };
  if (flags.unknown !== undefined) {
    const { unknownOption } = await import("./unknown-option.ts");
    throw unknownOption(flags.unknown, specs, dialect);
  }
  const options: Record<string, unknown> = {};
  for (const [key, spec] of Object.entries(declared)) {
    const value = valueFor(flags, key, spec, dialect);
    if (value !== undefined) options[key] = value;
  }
  return { options, operands: flags.operands, help: false };
}

/** `-h` is `--hostname` where docker has that. */
function everywhereBeside(declared: OptionSpecs): OptionSpecs {
  const taken = Object.values(declared).some(({ short }) => short === everywhere.help.short);
  return taken ? { help: { type: "boolean", summary: everywhere.help.summary } } : everywhere;
}

/** The last one counts, where there may be only one. */
function valueFor({ given }: Flags, key: string, spec: OptionSpec, dialect: Dialect): unknown {
  const value = given.get(key);
  if (spec.type === "boolean") return value === undefined ? spec.default === true : value === true;
  const texts = Array.isArray(value) ? (value as readonly string[]) : [];
  if (spec.type === "strings") return texts;
  const text = texts.at(-1);
  if (text === undefined) return spec.default;
  if (spec.type === "integer") return integer(key, text, dialect);
  if (spec.type === "choice" && !spec.choices.includes(text)) {
    throw spec.otherwise
      ? new Error(spec.otherwise(text))
      : invalid(key, text, `not ${spec.choices.join(", ")}`, dialect);
  }
  return text;
}

function invalid(key: string, text: string, why: string, dialect: Dialect): UsageError {
  const value = JSON.stringify(text);
  return new UsageError(
    dialect === "go"
      ? `invalid value ${value} for flag -${longName(key)}: ${why}`
      : `invalid argument ${value} for --${longName(key)}: ${why}`,
  );
}

function integer(key: string, text: string, dialect: Dialect): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw invalid(key, text, dialect === "go" ? "parse error" : "not a whole number", dialect);
  }
  return value;
}
