import { describe, expect, test } from "vitest";
import { loadCommands } from "../../src/cli/command.ts";
import { commandHelp, programHelp } from "../../src/cli/help.ts";
import { longName } from "../../src/cli/option.ts";
import { runt } from "../../src/cli/runt.ts";
import { runtOci } from "../../src/cli/runt-oci.ts";

const page = { width: 80, colour: false };
const programs = await Promise.all(
  [runtOci, runt].map(async (program) => ({ program, commands: await loadCommands(program) })),
);

describe.each(programs)("help of $program.name", ({ program, commands }) => {
  test("names every command and every visible option, within the width", async () => {
    const text = await programHelp(program, page);
    for (const { name, summary } of commands) {
      expect(text).toContain(`  ${name} `);
      expect(text.replaceAll(/\s+/g, " ")).toContain(summary);
    }
    for (const [key, spec] of Object.entries(program.options)) {
      expect(text.includes(`--${longName(key)}`)).toBe(!("hidden" in spec && spec.hidden));
    }
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(page.width);
  });

  test.each(commands.map((c) => [c.name, c] as const))("%s: synopsis, options, source", (_name, command) => {
    const text = commandHelp(program, command, page);
    for (const line of command.synopsis.split("\n")) expect(text).toContain(line);
    expect(text).toContain(command.source);
    for (const [key, spec] of Object.entries(command.options)) {
      expect(new RegExp(`--${longName(key)}(?![\\w-])`).test(text)).toBe(!spec.hidden);
    }
  });

  test("without colour there are no escapes; with it there are", async () => {
    expect(await programHelp(program, page)).not.toContain("\x1b");
    expect(await programHelp(program, { ...page, colour: true })).toContain("\x1b[1m");
  });
});

describe("command data", () => {
  test("a command is found under its own name", async () => {
    for (const { program, commands } of programs) {
      const names = program.groups.flatMap((group) => Object.keys(group.commands));
      expect(commands.map(({ name }) => name)).toEqual(names);
    }
  });

  test.each(programs.flatMap(({ commands }) => commands).map((c) => [c.name, c] as const))(
    "%s",
    (_name, command) => {
      expect(command.summary).toMatch(/^[a-z].*[^.]$/);
      const shorts = Object.values(command.options).flatMap((o) => o.short ?? []);
      expect(new Set(shorts).size).toBe(shorts.length);
      // -h is help, but for commands that have docker's --hostname.
      expect(command.options.hostname?.short ?? "h").toBe("h");
      expect(shorts.includes("h")).toBe(command.options.hostname?.short === "h");
    },
  );
});
