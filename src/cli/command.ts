/** A command as data: help, completion and parsing all come from one object. */
import type { RuntimeContext } from "../runtime/api.ts";
import type { OptionSpecs, OptionValues } from "./option.ts";

/** What every command gets beside its own operands and options. */
export interface Context extends RuntimeContext {
  /** Whether the caller chose `root`, or it is the default one. */
  readonly rootIsDefault: boolean;
  /** Where images are kept; undefined for the default. */
  readonly dataRoot: string | undefined;
  /** Writes to stdout, all of it, before it returns. */
  readonly print: (text: string) => void;
  /** The program that runs, for commands that print something of it. */
  readonly program: Program;
}

export interface Command<O extends OptionSpecs = OptionSpecs> {
  readonly name: string;
  /** As one types it, a line for each way: "runt-oci delete [--force] <container-id>". */
  readonly synopsis: string;
  /** One line, lower case, no full stop. */
  readonly summary: string;
  /** Paragraphs of help; each is one line here and is wrapped to the terminal. */
  readonly description?: readonly string[];
  /** Commands within this one: the first operand says which of them is meant, and this one's `run` is not called. */
  readonly commands?: Readonly<Record<string, Command>>;
  /** Command lines, each with what it does. */
  readonly examples?: readonly (readonly [line: string, what: string])[];
  /** Where the behaviour is written down. */
  readonly source: string;
  /** Names; an optional one in brackets, "[args…]" for any number. */
  readonly operands: readonly string[];
  readonly options: O;
  /** Options end at the first operand: what follows is another program's command line. */
  readonly passesThrough?: true;
  /** Put before the message of an error: "runt-oci create failed". */
  readonly failure?: string;
  /** Exit status after an error, 1 by default. */
  readonly failureStatus?: number | ((error: unknown) => number);
  /**
   * Does it.
   * @returns the exit status
   */
  run(context: Context, operands: readonly string[], options: OptionValues<O>): Promise<number> | number;
}

/** Only there so that TypeScript ties `run` to `options`. */
export function command<const O extends OptionSpecs>(definition: Command<O>): Command {
  return definition as unknown as Command;
}

/** A command that is loaded when it is asked for: a program has fifty of them, and runs one. */
export type CommandLoader = () => Promise<{ readonly default: Command }>;

/** A program: its name, its global options and its commands. */
export interface Program {
  readonly name: string;
  /** One line, lower case, no full stop. */
  readonly summary: string;
  /** Paragraphs of help. */
  readonly description: readonly string[];
  readonly options: OptionSpecs;
  /** Whom its messages are for: "programs" that know logrus's text, or "people". */
  readonly messages: "programs" | "people";
  /** Under the titles and in the order that help shows. */
  readonly groups: readonly {
    readonly title: string;
    readonly commands: Readonly<Record<string, CommandLoader>>;
  }[];
  /** What the program runs itself as: in no help and no completion. */
  readonly hidden?: Readonly<Record<string, CommandLoader>>;
}

/** A title of help, with the commands under it. */
export interface LoadedGroup {
  readonly title: string;
  readonly commands: readonly Command[];
}

/** All commands of a program that people call. */
export async function loadGroups({ groups }: Program): Promise<readonly LoadedGroup[]> {
  return await Promise.all(
    groups.map(async ({ title, commands }) => {
      const modules = await Promise.all(Object.values(commands).map((load) => load()));
      return { title, commands: modules.map((module) => module.default) };
    }),
  );
}

/** The same without titles. */
export async function loadCommands(program: Program): Promise<readonly Command[]> {
  return (await loadGroups(program)).flatMap(({ commands }) => commands);
}
