/** What to say of an option that does not exist; commander finds the one that was meant. */
import { CommanderError, Command as Parser } from "commander";
import { longName, type OptionSpecs } from "./option.ts";
import type { Dialect } from "./parse.ts";
import { UsageError } from "./usage-error.ts";

/** The error for `written`, in runc's or docker's words, with the option that is most like it. */
export function unknownOption(written: string, specs: OptionSpecs, dialect: Dialect): UsageError {
  const flag = written.replace(/^--?/, "").replace(/=.*$/s, "");
  const suggestion = mostLike(`--${flag}`, specs);
  const hint = suggestion ? ` (did you mean ${suggestion}?)` : "";
  if (dialect === "go") return new UsageError(`flag provided but not defined: -${flag}${hint}`);
  if (written.startsWith("--")) return new UsageError(`unknown flag: --${flag}${hint}`);
  const shorts = new Set(Object.values(specs).flatMap(({ short }) => short ?? []));
  const letter = [...flag].find((one) => !shorts.has(one)) ?? flag;
  return new UsageError(`unknown shorthand flag: '${letter}' in -${flag}${hint}`);
}

function mostLike(flag: string, specs: OptionSpecs): string | undefined {
  const parser = new Parser().exitOverride().helpOption(false).helpCommand(false);
  parser.configureOutput({ writeErr: () => {} });
  for (const [key, spec] of Object.entries(specs)) if (!spec.hidden) parser.option(`--${longName(key)}`);
  try {
    parser.parse([flag], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return /Did you mean (\S+)\?/.exec(error.message)?.[1];
    throw error;
  }
  return undefined;
}
