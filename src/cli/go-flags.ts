/**
 * Command lines in the dialect of Go's `flag` package, which runc's callers write: `-pid-file X`, `--force=true`,
 * `-f=json`, `--tty=false`. They are rewritten to the plain long form, with the operands behind a `--`.
 */
import { longName, namesOf, type OptionSpecs } from "./option.ts";
import { UsageError } from "./usage-error.ts";

/** The texts of Go's strconv.ParseBool. */
const booleans: Readonly<Record<string, boolean>> = {
  "1": true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/** Reads a boolean as Go does; undefined for any other text. */
export function parseBool(text: string): boolean | undefined {
  return booleans[text];
}

/** A command line in the plain form. */
export interface CanonicalArgs {
  readonly args: string[];
  /** Of the options that are there. */
  readonly keys: ReadonlySet<string>;
  /** Some option was not declared. */
  readonly unknown: boolean;
}

/**
 * Rewrites `args` for a parser that knows only `--name`, `--name=value` and `--`. Options that nobody declared
 * stay as they are, for the parser to refuse.
 * @param stop whether the first operand ends the options: what follows belongs to another program
 */
export function canonicalArgs(
  args: readonly string[],
  options: OptionSpecs,
  stop: "at the first operand" | "never",
): CanonicalArgs {
  const keys = new Set<string>();
  let unknown = false;
  const names = namesOf(options);
  const flags: string[] = [];
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") {
      operands.push(...args.slice(i + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      if (stop === "at the first operand") {
        operands.push(...args.slice(i));
        break;
      }
      operands.push(arg);
      continue;
    }
    const bare = arg.replace(/^--?/, "");
    const equals = bare.indexOf("=");
    const name = equals < 0 ? bare : bare.slice(0, equals);
    const value = equals < 0 ? undefined : bare.slice(equals + 1);
    const key = names.get(name);
    if (key === undefined) {
      unknown = true;
      flags.push(arg);
      continue;
    }
    keys.add(key);
    if (options[key]!.type === "boolean") {
      const on = value === undefined ? true : parseBool(value);
      if (on === undefined) {
        throw new UsageError(`invalid boolean value ${JSON.stringify(value)} for -${name}: parse error`);
      }
      if (on) flags.push(`--${longName(key)}`);
    } else if (value !== undefined) {
      flags.push(`--${longName(key)}=${value}`);
    } else {
      const next = args[++i];
      if (next === undefined) throw new UsageError(`flag needs an argument: -${name}`);
      flags.push(`--${longName(key)}=${next}`);
    }
  }
  return { args: [...flags, "--", ...operands], keys, unknown };
}
