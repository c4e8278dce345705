/** What completion knows of a program, whatever the shell: commands within commands, options, and what operands are. */
import type { Command } from "../command.ts";
import { longName, type OptionSpec, type OptionSpecs } from "../option.ts";

/** One word that may stand for an option, and what may follow it. */
export interface Flag {
  readonly long: string;
  readonly short?: string;
  readonly summary: string;
  /** What its value is: nothing, one of some words, or a file name. */
  readonly value: "none" | "file" | readonly string[];
}

export function flags(options: OptionSpecs): Flag[] {
  const declared = Object.entries(options)
    .filter(([, spec]) => !spec.hidden)
    .map(([key, spec]) => ({
      long: longName(key),
      ...(spec.short && { short: spec.short }),
      summary: spec.summary,
      value: valueFor(spec),
    }));
  const isTaken = declared.some(({ short }) => short === "h");
  const help: Flag = { long: "help", summary: "show help", value: "none", ...(!isTaken && { short: "h" }) };
  return [...declared, help];
}

function valueFor(spec: OptionSpec): Flag["value"] {
  if (spec.type === "boolean") return "none";
  return spec.type === "choice" ? spec.choices : "file";
}

/** "--force", "-f". */
export function words(fs: readonly Flag[]): string[] {
  return fs.flatMap((f) => (f.short ? [`--${f.long}`, `-${f.short}`] : [`--${f.long}`]));
}

/** A command that does something, by the words that call it. */
export interface Called {
  /** "rm"; "volume rm". */
  readonly name: string;
  readonly command: Command;
}

/** Commands and those within them; the groups themselves are not among them. */
export function calledCommands(commands: readonly Command[]): Called[] {
  return commands.flatMap((command) =>
    command.commands
      ? Object.entries(command.commands).map(([word, inner]) => ({
          name: `${command.name} ${word}`,
          command: inner,
        }))
      : [{ name: command.name, command }],
  );
}

export function groupsOf(commands: readonly Command[]): Command[] {
  return commands.filter((command) => command.commands);
}

/** Arguments of the program that list what an operand may be, by the operand's name. */
const listings: Readonly<Record<string, string>> = {
  "container-id": "list --quiet",
  container: "ps --all --format '{{.Names}}'",
  running: "ps --format '{{.Names}}'",
  image: "images --filter dangling=false --format '{{.Repository}}:{{.Tag}}'",
  network: "network ls --format '{{.Name}}'",
  volume: "volume ls --quiet",
};

/** Commands whose "name" is that of something there is. */
const named: Readonly<Record<string, readonly string[]>> = {
  inspect: ["container", "image", "volume", "network"],
  push: ["image"],
};

/** Commands that want a container that runs. */
const forRunning = ["exec", "attach", "top", "stop", "kill", "pause", "unpause"];

/** How to list what the operands of a command may be; none: they are files, or nobody knows. */
export function listingsFor({ name: command, operands }: Command): string[] {
  const names = operands.flatMap((operand) => {
    const name = operand.replaceAll(/[[\]…]/g, "");
    if (name === "container" && forRunning.includes(command)) return "running";
    return name === "name" && Object.hasOwn(named, command) ? named[command]! : name;
  });
  return [...new Set(names.flatMap((name) => listings[name] ?? []))];
}

export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Where state and images are: what is typed for them counts for the lists as well. */
export const roots = ["--root", "--data-root"] as const;
