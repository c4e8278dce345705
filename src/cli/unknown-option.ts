/** What to say of an option that does not exist; commander finds the one that was meant. */
import { CommanderError, Command as Parser } from "commander";
import { longName, type OptionSpecs } from "./option.ts";
import { UsageError } from "./usage-error.ts";

/** The error for `written`, in runc's words, with the option that is most like it. */
export function unknownOption(written: string, specs: OptionSpecs): UsageError {
  const flag = written.replace(/^--?/, "").replace(/=.*$/s, "");
  const suggestion = mostLike(`--${flag}`, specs);
  return new UsageError(
    `flag provided but not defined: -${flag}${suggestion ? ` (did you mean ${suggestion}?)` : ""}`,
  );
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
