/**
 * Command lines in the dialect of Go's pflag, which docker and podman speak: `--name X`, `--name=X`, and letters put
 * together after one dash, the last of which may have its value right behind it: `-it`, `-dp 80:80`, `-eA=B`.
 */
import { type Flags, parseBool } from "./go-flags.ts";
import { namesOf, type OptionSpec, type OptionSpecs } from "./option.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Takes `args` apart.
 * @param stop whether the first operand ends the options: what follows belongs to another program
 * @throws {UsageError} in pflag's words
 */
export function readPosixFlags(
  args: readonly string[],
  options: OptionSpecs,
  stop: "at the first operand" | "never",
): Flags {
  const names = namesOf(options);
  const given = new Map<string, string[] | boolean>();
  const operands: string[] = [];
  let at = 0;

  /** @param value what stood behind it in the same word; undefined: nothing did */
  const take = (key: string, spec: OptionSpec, value: string | undefined, written: string) => {
    if (spec.type === "boolean") {
      const on = value === undefined ? true : parseBool(value);
      if (on === undefined) {
        throw new UsageError(`invalid argument ${JSON.stringify(value)} for ${written}: true or false`);
      }
      given.set(key, on);
      return;
    }
    const text = value ?? args[++at];
    if (text === undefined) throw new UsageError(`flag needs an argument: ${written}`);
    const before = given.get(key);
    given.set(key, Array.isArray(before) ? [...before, text] : [text]);
  };

  /** @returns whether all letters are known */
  const takeLetters = (letters: string): boolean => {
    for (let i = 0; i < letters.length; i++) {
      const key = names.get(letters[i]!);
      const spec = key === undefined ? undefined : options[key];
      if (key === undefined || spec?.short !== letters[i]) return false;
      const rest = letters.slice(i + 1);
      const written = `-${letters[i]}`;
      if (rest.startsWith("=")) {
        take(key, spec!, rest.slice(1), written);
        return true;
      }
      if (spec!.type !== "boolean") {
        take(key, spec!, rest === "" ? undefined : rest, written);
        return true;
      }
      take(key, spec!, undefined, written);
    }
    return true;
  };

  for (; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--") {
      operands.push(...args.slice(at + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      if (stop === "at the first operand") {
        operands.push(...args.slice(at));
        break;
      }
      operands.push(arg);
      continue;
    }
    if (!arg.startsWith("--")) {
      if (!takeLetters(arg.slice(1))) return { given, operands, unknown: arg };
      continue;
    }
    const equals = arg.indexOf("=");
    const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
    const key = name.length > 1 ? names.get(name) : undefined;
    if (key === undefined) return { given, operands, unknown: arg };
    take(key, options[key]!, equals < 0 ? undefined : arg.slice(equals + 1), `--${name}`);
  }
  return { given, operands };
}
