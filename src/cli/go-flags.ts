/**
 * Command lines in the dialect of Go's `flag` package, which runc's callers write: `-pid-file X`, `--force=true`,
 * `-f=json`, `--tty=false`.
 */
import { namesOf, type OptionSpecs } from "./option.ts";
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

/** A command line taken apart. */
export interface Flags {
  /** By key, in the order in which they came. */
  readonly given: ReadonlyMap<string, readonly string[] | boolean>;
  readonly operands: readonly string[];
  /** The first option that nobody declared, as it was written. */
  readonly unknown?: string;
}

/**
 * Takes `args` apart.
 * @param stop whether the first operand ends the options: what follows belongs to another program
 * @throws {UsageError} in Go's words
 */
export function readFlags(
  args: readonly string[],
  options: OptionSpecs,
  stop: "at the first operand" | "never",
): Flags {
  const names = namesOf(options);
  const given = new Map<string, string[] | boolean>();
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
    const bare = arg.slice(arg.startsWith("--") ? 2 : 1);
    const equals = bare.indexOf("=");
    const name = equals < 0 ? bare : bare.slice(0, equals);
    const value = equals < 0 ? undefined : bare.slice(equals + 1);
    const key = names.get(name);
    if (key === undefined) return { given, operands, unknown: arg };
    if (options[key]!.type === "boolean") {
      const on = value === undefined ? true : parseBool(value);
      if (on === undefined) {
        throw new UsageError(`invalid boolean value ${JSON.stringify(value)} for -${name}: parse error`);
      }
      given.set(key, on);
    } else {
      const text = value ?? args[++i];
      if (text === undefined) throw new UsageError(`flag needs an argument: -${name}`);
      const before = given.get(key);
      given.set(key, Array.isArray(before) ? [...before, text] : [text]);
    }
  }
  return { given, operands };
}
