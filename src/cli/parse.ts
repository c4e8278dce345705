/** From a command line and the options it may have to values, with commander doing the matching. */
import { CommanderError, InvalidArgumentError, Option, Command as Parser } from "commander";
import { canonicalArgs } from "./go-flags.ts";
import { longName, type OptionSpec, type OptionSpecs } from "./option.ts";
import { UsageError } from "./usage-error.ts";

export interface Parsed {
  readonly options: Record<string, unknown>;
  readonly operands: string[];
  /** `--help` was among the options; nothing else has been checked then. */
  readonly help: boolean;
  /** `--version` was. */
  readonly version: boolean;
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
export function parseArgs(
  args: readonly string[],
  declared: OptionSpecs,
  stop: "at the first operand" | "never",
): Parsed {
  const specs: OptionSpecs = { ...declared, ...everywhere };
  const canonical = canonicalArgs(args, specs, stop);
  const parser = new Parser().exitOverride().helpOption(false).helpCommand(false).allowExcessArguments(true);
  parser.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  // commander takes some 50 µs to learn of an option: it hears only of those that are there, and of all when one of
  // them is not known, to tell which was meant.
  const keys = canonical.unknown ? Object.keys(specs) : canonical.keys;
  for (const key of keys) parser.addOption(toOption(key, specs[key]!));
  try {
    parser.parse(canonical.args, { from: "user" });
  } catch (error) {
    throw error instanceof CommanderError ? inRuncWords(error) : error;
  }
  const found = parser.opts<Record<string, unknown>>();
  const options: Record<string, unknown> = {};
  for (const [key, spec] of Object.entries(declared)) {
    const value = valueFor(found, key, spec);
    if (value !== undefined) options[key] = value;
  }
  return { options, operands: parser.args, help: found.help === true, version: options.version === true };
}

function toOption(key: string, spec: OptionSpec): Option {
  const name = `--${longName(key)}`;
  const flags = spec.short ? `-${spec.short}, ${name}` : name;
  if (spec.type === "boolean") return new Option(flags);
  const option = new Option(`${flags} <value>`);
  if (spec.type === "integer") return option.argParser(integer);
  if (spec.type === "strings") return option.argParser((value, all: string[] = []) => [...all, value]);
  if (spec.type === "choice") {
    return option.argParser((word) => {
      if (spec.choices.includes(word)) return word;
      throw spec.otherwise
        ? new Error(spec.otherwise(word))
        : new InvalidArgumentError(`not ${spec.choices.join(", ")}`);
    });
  }
  return option;
}

function integer(text: string): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError("parse error");
  return value;
}

/** commander takes `--no-pivot` for the opposite of a `--pivot` that we have not. */
function valueFor(found: Record<string, unknown>, key: string, spec: OptionSpec): unknown {
  if (spec.type === "boolean") {
    const negated = /^no([A-Z])(.*)$/.exec(key);
    return negated ? found[negated[1]!.toLowerCase() + negated[2]!] === false : found[key] === true;
  }
  if (spec.type === "strings") return found[key] ?? [];
  return found[key] ?? spec.default;
}

function inRuncWords(error: CommanderError): UsageError {
  const flag = /'(?:-\w, )?--?([^'\s=]+)/.exec(error.message)?.[1] ?? "";
  switch (error.code) {
    case "commander.unknownOption": {
      const suggestion = /Did you mean (\S+)\?/.exec(error.message)?.[1];
      return new UsageError(
        `flag provided but not defined: -${flag}${suggestion ? ` (did you mean ${suggestion}?)` : ""}`,
      );
    }
    case "commander.invalidArgument": {
      const value = /argument '(.*)' is invalid\. (.*)$/s.exec(error.message);
      return new UsageError(
        `invalid value ${JSON.stringify(value?.[1] ?? "")} for flag -${flag}: ${value?.[2] ?? ""}`,
      );
    }
    default:
      return new UsageError(error.message.replace(/^error: /, ""));
  }
}
