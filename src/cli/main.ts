/** Runs a program: global options, then the one command that is asked for, loaded when it is known. */
import { messageOf } from "../errors.ts";
import type { Command, Context, Program } from "./command.ts";
import { imageContext, logOptions, type RuntimeOptionValues, runtimeContext } from "./globals.ts";
import { type Log, openLog } from "./log.ts";
import { writeAll } from "./output.ts";
import { type Dialect, type Parsed, parseArgs, versionOption } from "./parse.ts";
import { subcommand } from "./subcommands.ts";
import { suggestion } from "./suggest.ts";
import { checkOperands, UnknownCommandError, UsageError } from "./usage-error.ts";
import { versionText } from "./version.ts";

const stdout = 1;
const stderr = 2;
/** What docker and podman end with then. */
const wrongFlagStatus = 125;
const print = (text: string) => writeAll(stdout, text);

/**
 * Runs `program` with the arguments after its name. Never throws: what goes wrong is in the log, and in the status.
 * @returns the exit status
 */
export async function main(program: Program, args: readonly string[]): Promise<number> {
  const plain = program.messages === "people";
  const dialect: Dialect = plain ? "posix" : "go";
  let log = openLog({ format: "text", level: "info", plain });
  let command: Command | undefined;
  try {
    const globals = await parseArgs(
      args,
      { ...program.options, ...versionOption },
      "at the first operand",
      dialect,
    );
    if (globals.options.version) {
      print(versionText(program.name));
      return 0;
    }
    const values = globals.options as RuntimeOptionValues;
    log = openLog({ ...logOptions(values), plain });
    const [name, ...rest] = globals.operands;
    if (globals.help || name === undefined || name === "help" || name === "h") {
      return await showHelp(program, await named(program, globals.help ? globals.operands : rest));
    }
    command = await find(program, name);
    let words = rest;
    while (command.commands) {
      const group = await parseArgs(words, command.options, "at the first operand", dialect);
      if (group.help) return await showHelp(program, command);
      command = subcommand(command, group.operands[0]);
      words = group.operands.slice(1);
    }
    const parsed = await parseArgs(
      words,
      command.options,
      command.passesThrough ? "at the first operand" : "never",
      dialect,
    );
    if (parsed.help) return await showHelp(program, command);
    checkOperands(program.name, command, parsed.operands);
    return await run(program, command, parsed, {
      ...runtimeContext(values, log),
      ...imageContext(globals.options),
      program,
      print,
    });
  } catch (error) {
    return await failed(program, command, log, error);
  }
}

function run(program: Program, command: Command, parsed: Parsed, context: Context): Promise<number> | number {
  context.log("debug", `${program.name} ${command.name} ${parsed.operands.join(" ")}`);
  return command.run(context, parsed.operands, parsed.options as never);
}

/** The command of that name. */
async function find(program: Program, name: string): Promise<Command> {
  const tables = program.groups.map(({ commands }) => commands);
  const table = [...tables, program.hidden ?? {}].find((commands) => Object.hasOwn(commands, name));
  if (table) return (await table[name]!()).default;
  const near = suggestion(name, tables.flatMap(Object.keys));
  throw new UnknownCommandError(
    `unknown command ${JSON.stringify(name)}${near ? `, did you mean ${JSON.stringify(near)}?` : ""}`,
  );
}

/** The command that the words are the name of; undefined without words. */
async function named(program: Program, [name, ...words]: readonly string[]): Promise<Command | undefined> {
  if (name === undefined) return undefined;
  let command = await find(program, name);
  for (const word of words) if (command.commands) command = subcommand(command, word);
  return command;
}

async function showHelp(program: Program, command: Command | undefined): Promise<number> {
  const { commandHelp, pageOfStdout, programHelp } = await import("./help.ts");
  const page = pageOfStdout();
  print(command === undefined ? await programHelp(program, page) : commandHelp(program, command, page));
  return 0;
}

async function failed(
  program: Program,
  command: Command | undefined,
  log: Log,
  error: unknown,
): Promise<number> {
  const ownStatus = command?.failureStatus;
  const status = typeof ownStatus === "function" ? ownStatus(error) : (ownStatus ?? 1);
  if (error instanceof UsageError && program.messages === "people") {
    log.fatal(error.message);
    writeAll(stderr, `See '${[program.name, command?.name, "--help"].filter(Boolean).join(" ")}'.\n`);
    return error.repeat ? wrongFlagStatus : status;
  }
  if (error instanceof UsageError) {
    print(`Incorrect Usage${error.repeat ? `: ${error.message}` : "."}\n\n`);
    await showHelp(program, command);
    log.fatal(error.message);
    return 1;
  }
  if (error instanceof UnknownCommandError) {
    log.fatal(error.message, `${program.name} --help lists the commands`);
    return 3;
  }
  if (error instanceof Error && error.stack) log("debug", error.stack);
  const prefix = command?.failure ? `${command.failure}: ` : "";
  log.fatal(prefix + messageOf(error), hintOf(error));
  return status;
}

function hintOf(error: unknown): string | undefined {
  return (error as { site?: { hint?: string } } | undefined)?.site?.hint;
}
