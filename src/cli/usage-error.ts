/** What is wrong with a command line, in the words that callers of runc know. */

/** The command line is wrong: the command's help is shown with it, and nothing has been done. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** Whether help repeats the message, as for a bad flag, or just follows "Incorrect Usage.". */
  readonly repeat: boolean;

  constructor(message: string, repeat: "repeat" | "once" = "repeat") {
    super(message);
    this.repeat = repeat === "repeat";
  }
}

/** No command has that name. runc ends with 3 then. */
export class UnknownCommandError extends Error {
  override readonly name = "UnknownCommandError";
}

/** Checks how many operands there are; `operands` names them, optional ones in brackets, "…" for any number. */
export function checkOperands(
  program: string,
  command: { readonly name: string; readonly operands: readonly string[] },
  given: readonly string[],
): void {
  const least = command.operands.filter((o) => !o.startsWith("[")).length;
  const most = command.operands.some((o) => o.includes("…"))
    ? Number.POSITIVE_INFINITY
    : command.operands.length;
  const asked =
    least === most && given.length !== least
      ? `exactly ${least}`
      : given.length < least
        ? `a minimum of ${least}`
        : given.length > most
          ? `a maximum of ${most}`
          : undefined;
  if (asked) throw new UsageError(`${program}: "${command.name}" requires ${asked} argument(s)`, "once");
}
