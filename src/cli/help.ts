/** Help, set for a reader: one line of what it is, how to type it, then the options, wrapped to the terminal. */
import { Help } from "commander";
import { type Command, loadGroups, type Program } from "./command.ts";
import { longName, type OptionSpecs, placeholder } from "./option.ts";
import { versionOption } from "./parse.ts";

/** Where help goes. */
export interface Page {
  readonly width: number;
  readonly colour: boolean;
}

/** What help knows of stdout. */
export function pageOfStdout(): Page {
  const { columns, isTTY } = process.stdout;
  return { width: Math.min(columns ?? 100, 110), colour: Boolean(isTTY) && !process.env.NO_COLOR };
}

interface Typesetter {
  title(text: string): string;
  term(text: string): string;
  /** Terms on the left, what they are on the right. */
  items(rows: readonly (readonly [term: string, text: string])[]): string;
  paragraph(text: string): string;
}

function typesetter(page: Page): Typesetter {
  const helper = new Help();
  helper.helpWidth = page.width;
  const paint = (code: string) => (text: string) => (page.colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const term = paint("36");
  return {
    title: paint("1"),
    term,
    items(rows) {
      const width = Math.min(32, Math.max(...rows.map(([left]) => left.length)));
      return rows
        .flatMap(([left, right]) =>
          left.length > width
            ? [`  ${term(left)}`, helper.formatItem("", width, right, helper)]
            : [helper.formatItem(term(left), width, right, helper)],
        )
        .map((line) => `${line}\n`)
        .join("");
    },
    paragraph: (text) => `${helper.boxWrap(text, page.width)}\n`,
  };
}

/** The options under their titles, in the order in which the titles come. */
function optionGroups(options: OptionSpecs): [title: string, options: OptionSpecs][] {
  const visible = Object.entries(options).filter(([, spec]) => !spec.hidden);
  const groups = Object.groupBy(visible, ([, spec]) => spec.group ?? "Options");
  return Object.entries(groups).map(([title, entries]) => [title, Object.fromEntries(entries!)]);
}

function optionRows(options: OptionSpecs): [string, string][] {
  const visible = Object.entries(options).filter(([, spec]) => !spec.hidden);
  const someShort = visible.some(([, spec]) => spec.short);
  return visible.map(([key, spec]) => {
    const value = placeholder(spec);
    const short = spec.short ? `-${spec.short}, ` : someShort ? "    " : "";
    const choices = spec.type === "choice" ? `: ${spec.choices.join(", ")}` : "";
    const given =
      "default" in spec && spec.default !== undefined && spec.default !== ""
        ? ` (default ${spec.default})`
        : "";
    const many = spec.type === "strings" ? "; may be repeated" : "";
    return [
      `${short}--${longName(key)}${value ? ` <${value}>` : ""}`,
      `${spec.summary}${choices}${many}${given}`,
    ];
  });
}

/** Help of one command. */
export function commandHelp(program: Program, command: Command, page: Page): string {
  const { title, term, items, paragraph } = typesetter(page);
  const usage = command.synopsis
    .split("\n")
    .map((line) => `  ${term(line)}\n`)
    .join("");
  const parts = [paragraph(`${command.name}: ${command.summary}`), `${title("Usage")}\n${usage}`];
  if (command.description) parts.push(command.description.map(paragraph).join("\n"));
  if (command.commands) {
    const rows = Object.entries(command.commands).map(([word, { summary }]) => [word, summary] as const);
    parts.push(`${title("Commands")}\n${items(rows)}`);
  }
  for (const [name, options] of optionGroups(command.options)) {
    parts.push(`${title(name)}\n${items(optionRows(options))}`);
  }
  if (command.examples) {
    const lines = command.examples.map(([line, what]) => `  ${term(line)}\n      ${what}\n`);
    parts.push(`${title("Examples")}\n${lines.join("")}`);
  }
  parts.push(
    `${title("Written down in")}\n  ${command.source}\n  ${program.name} --help: options that come before the command\n`,
  );
  return parts.join("\n");
}

/** Help of the whole program. */
export async function programHelp(program: Program, page: Page): Promise<string> {
  const { title, term, items, paragraph } = typesetter(page);
  const groups = (await loadGroups(program)).map(
    (group) => `${title(group.title)}\n${items(group.commands.map((c) => [c.name, c.summary]))}`,
  );
  return [
    paragraph(`${program.name}: ${program.summary}`),
    `${title("Usage")}\n  ${term(`${program.name} [options] <command> [command options] [arguments]`)}\n`,
    ...(program.description.length > 0 ? [program.description.map(paragraph).join("\n")] : []),
    ...groups,
    `${title("Options")}\n${items(optionRows({ ...program.options, ...versionOption }))}`,
    paragraph(`${program.name} <command> --help tells more of each command.`),
  ].join("\n");
}
