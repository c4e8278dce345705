/** The tables of docs/compat.md beside the flags that the program has. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Command, loadCommands } from "../../src/cli/command.ts";
import { longName, type OptionSpecs } from "../../src/cli/option.ts";
import { runt } from "../../src/cli/runt.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/compat.md"), "utf8");

/** Cells of the table's rows below a title, without the head. */
function rowsBelow(title: string): string[][] {
  const section = page.split(`\n## ${title}\n`)[1]!.split("\n## ")[0]!;
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const flagsIn = (text: string): string[] =>
  [...text.matchAll(/`(-\w )?--([a-z0-9-]+)`/g)].map(([, short = "", name]) => short + name);

/** Each verb once: the same command may be there under several names. */
async function verbs(): Promise<Map<string, Command>> {
  const found = new Map<string, Command>();
  const seen = new Set<OptionSpecs>();
  const add = (name: string, command: Command): void => {
    if (command.commands) {
      for (const [word, inner] of Object.entries(command.commands)) add(`${name} ${word}`, inner);
    } else if (!seen.has(command.options) || Object.keys(command.options).length === 0) {
      seen.add(command.options);
      found.set(name, command);
    }
  };
  // Those that stand alone first: `container ps` is another name of `ps`.
  const commands = await loadCommands(runt);
  for (const command of commands.filter((one) => !one.commands)) add(command.name, command);
  for (const command of commands.filter((one) => one.commands)) add(command.name, command);
  return found;
}

const shown = (options: OptionSpecs): string[] =>
  Object.entries(options).flatMap(([key, { short, hidden }]) =>
    hidden ? [] : [`${short ? `-${short} ` : ""}${longName(key)}`],
  );
const hidden = (options: OptionSpecs): string[] =>
  Object.entries(options).flatMap(([key, spec]) => (spec.hidden ? [longName(key)] : []));

const all = await verbs();

describe("docs/compat.md — run and create", () => {
  const [run, create] = [all.get("run")!.options, all.get("create")!.options];
  const rows = rowsBelow("run and create");

  test("every flag is in the table, and every flag of the table is there", () => {
    const there = rows.filter(([, works]) => works !== "no").flatMap(([flag]) => flagsIn(flag!));
    expect(there).toEqual([...new Set([...shown(run), ...shown(create)])].sort(byName));
  });

  test("what is not in the table of create is said to be of run only", () => {
    const only = rows
      .filter(([, , remark]) => remark!.includes("`run` only"))
      .flatMap(([flag]) => flagsIn(flag!));
    expect(only.sort()).toEqual(
      shown(run)
        .filter((flag) => !shown(create).includes(flag))
        .sort(),
    );
  });

  test("what is said not to be there is not, and what is refused or ignored is told", () => {
    const none = rows.filter(([, works]) => works === "no").flatMap(([flag]) => flagsIn(flag!));
    expect(none.filter((flag) => shown(run).includes(flag))).toEqual([]);
    const untold = hidden(run).filter((flag) => !page.includes(`\`--${flag}\``));
    expect(untold).toEqual([]);
  });

  test("each row says yes, differs or no, and why where it is not yes", () => {
    for (const [flag, works, remark] of rows) {
      expect(["yes", "differs", "no"], flag).toContain(works);
      if (works === "differs") expect(remark, flag).not.toBe("");
    }
  });
});

describe("docs/compat.md — the other verbs", () => {
  const rows = new Map(rowsBelow("The other verbs").map(([verb, ...cells]) => [verb!, cells]));
  const others = [...all].filter(([name]) => !/^(run|create)$/.test(name));

  test("every verb has its row", () => {
    const named = others.map(([name]) => name);
    // Another name of a command without flags cannot be told from it.
    expect([...rows.keys()].filter((verb) => !named.includes(verb))).toEqual([]);
    const missing = others.filter(
      ([name, { options }]) => !rows.has(name) && Object.keys(options).length > 0,
    );
    expect(missing.map(([name]) => name)).toEqual([]);
  });

  test.each(others.filter(([name]) => rows.has(name)))("%s", (name, { options }) => {
    const [docker, more, remark] = rows.get(name)!;
    expect([...flagsIn(docker!), ...flagsIn(more!)].sort()).toEqual(shown(options).sort());
    const none = [...remark!.matchAll(/no `--([a-z0-9-]+)`/g)].map(([, flag]) => flag!);
    const known = Object.keys(options).map(longName);
    expect(none.filter((flag) => known.includes(flag))).toEqual([]);
    const accepted = flagsIn(/accepted: (.*)/.exec(remark!)?.[1] ?? "");
    expect(accepted.filter((flag) => !hidden(options).includes(flag))).toEqual([]);
  });
});

function byName(a: string, b: string): number {
  const name = (flag: string): string => flag.replace(/^-\w /, "");
  return name(a).localeCompare(name(b));
}
