/** Completion for fish. */
import type { Command, Program } from "../command.ts";
import { type Called, calledCommands, type Flag, flags, groupsOf, listingsFor, quoted } from "./words.ts";

export function fish(program: Program, commands: readonly Command[]): string {
  const { name } = program;
  const groups = groupsOf(commands);
  const none = `not __fish_seen_subcommand_from ${commands.map((c) => c.name).join(" ")}`;
  const outside =
    groups.length > 0 ? `; and not __fish_seen_subcommand_from ${groups.map((c) => c.name).join(" ")}` : "";
  const within = (called: Called): string => {
    const [first, second] = called.name.split(" ") as [string, string?];
    const seen = `__fish_seen_subcommand_from ${first}`;
    return second === undefined ? `${seen}${outside}` : `${seen}; and __fish_seen_subcommand_from ${second}`;
  };
  const lines = [
    `# fish completion for ${name}\n`,
    `complete -c ${name} -f\n`,
    ...flags(program.options).map((f) => option(name, none, f)),
    ...commands.map((c) => subcommand(name, none, c.name, c.summary)),
    ...groups.flatMap((group) => {
      const inner = Object.entries(group.commands ?? {});
      const words = inner.map(([word]) => word).join(" ");
      const condition = `__fish_seen_subcommand_from ${group.name}; and not __fish_seen_subcommand_from ${words}`;
      return inner.map(([word, { summary }]) => subcommand(name, condition, word, summary));
    }),
    ...calledCommands(commands).flatMap((called) => {
      const condition = within(called);
      const lists = listingsFor(called.command);
      const operands = lists.map(
        (list) =>
          `complete -c ${name} -n ${quoted(condition)} -a ${quoted(`(${name} ${list} 2>/dev/null)`)}\n`,
      );
      const files =
        lists.length === 0 && called.command.operands.length > 0
          ? [`complete -c ${name} -n ${quoted(condition)} -F\n`]
          : [];
      return [...flags(called.command.options).map((f) => option(name, condition, f)), ...operands, ...files];
    }),
  ];
  return lines.join("");
}

function subcommand(name: string, condition: string, word: string, summary: string): string {
  return `complete -c ${name} -n ${quoted(condition)} -a ${word} -d ${quoted(summary)}\n`;
}

function option(name: string, condition: string, f: Flag): string {
  const short = f.short ? ` -s ${f.short}` : "";
  const value =
    f.value === "none" ? "" : Array.isArray(f.value) ? ` -x -a ${quoted(f.value.join(" "))}` : " -r -F";
  return `complete -c ${name} -n ${quoted(condition)} -l ${f.long}${short}${value} -d ${quoted(f.summary)}\n`;
}
