/** Completion scripts, made from the same objects as help. What operands may be is listed when Tab is hit. */
import { RuntError } from "../errors.ts";
import { type Command, loadCommands, type Program } from "./command.ts";
import { bash } from "./completion/bash.ts";
import { fish } from "./completion/fish.ts";
import { zsh } from "./completion/zsh.ts";

const writers: Readonly<Record<string, (program: Program, commands: readonly Command[]) => string>> = {
  bash,
  zsh,
  fish,
};

/**
 * The script for a shell.
 * @throws {RuntError} InvalidArgument for a shell that there is none for
 */
export async function completionScript(program: Program, shell: string): Promise<string> {
  const writer = Object.hasOwn(writers, shell) ? writers[shell] : undefined;
  if (!writer) {
    const what = `no completion for ${JSON.stringify(shell)}: bash, zsh or fish`;
    throw new RuntError("InvalidArgument", what, { operation: "completion" });
  }
  return writer(program, await loadCommands(program));
}
