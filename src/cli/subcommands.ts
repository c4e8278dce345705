/** A command whose first operand is another command: `runt image prune`. */
import { type Command, command } from "./command.ts";
import { suggestion } from "./suggest.ts";
import { UnknownCommandError, UsageError } from "./usage-error.ts";

/** What is said of the commands together. */
export interface CommandGroup {
  readonly name: string;
  /** One line, lower case, no full stop. */
  readonly summary: string;
  readonly source: string;
  /** By the name that they have here, which need not be their own. */
  readonly commands: Readonly<Record<string, Command>>;
}

/** The command that stands for `commands`. */
export function commandGroup({ name, summary, source, commands }: CommandGroup): Command {
  return command({
    name,
    synopsis: `runt ${name} <command> [options] [arguments]`,
    summary,
    commands: Object.fromEntries(
      Object.entries(commands).map(([word, inner]) => [word, renamed(inner, `${name} ${word}`)]),
    ),
    source,
    operands: ["command", "[arguments…]"],
    options: {},
    passesThrough: true,
    run: () => {
      throw new TypeError(`${name} does nothing of its own`);
    },
  });
}

/** The same command under its whole name. */
function renamed(inner: Command, name: string): Command {
  const own: Command = {
    ...inner,
    name,
    synopsis: inner.synopsis.replaceAll(/^runt \S+/gm, `runt ${name}`),
  };
  return own;
}

/**
 * The command that `word` means in a group.
 * @throws {UsageError} without a word
 * @throws {UnknownCommandError} for a word that none has
 */
export function subcommand(group: Command, word: string | undefined): Command {
  const { commands = {} } = group;
  if (word === undefined) throw new UsageError(`"runt ${group.name}" requires a command`, "once");
  if (Object.hasOwn(commands, word)) return commands[word]!;
  const names = Object.keys(commands);
  const near = suggestion(word, names);
  const hint = near ? `, did you mean ${JSON.stringify(near)}?` : ` (${names.join(", ")})`;
  throw new UnknownCommandError(`unknown command ${JSON.stringify(`${group.name} ${word}`)}${hint}`);
}
