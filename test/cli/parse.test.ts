import { describe, expect, test } from "vitest";
import type { OptionSpecs } from "../../src/cli/option.ts";
import { parseArgs } from "../../src/cli/parse.ts";

const options = {
  bundle: { type: "string", short: "b", value: "dir", summary: "" },
  noPivot: { type: "boolean", summary: "" },
  noNewKeyring: { type: "boolean", summary: "" },
  preserveFds: { type: "integer", value: "n", default: 0, summary: "" },
  env: { type: "strings", short: "e", value: "name=value", summary: "" },
  format: {
    type: "choice",
    value: "format",
    choices: ["table", "json"],
    default: "table",
    summary: "",
    otherwise: () => "invalid format option",
  },
} as const satisfies OptionSpecs;

const parse = (...args: string[]) => parseArgs(args, options, "never");

describe("values of options", () => {
  test("what is not given is absent, or what the default says", async () => {
    expect(await parse("c1")).toEqual({
      options: { noPivot: false, noNewKeyring: false, preserveFds: 0, env: [], format: "table" },
      operands: ["c1"],
      help: false,
    });
  });

  test("--no-pivot is an option of its own, not the opposite of another one", async () => {
    expect((await parse("--no-pivot", "c1")).options).toMatchObject({ noPivot: true, noNewKeyring: false });
    expect((await parse("--no-new-keyring=false", "c1")).options).toMatchObject({ noNewKeyring: false });
  });

  test("an integer is a number", async () => {
    expect((await parse("--preserve-fds", "3")).options).toMatchObject({ preserveFds: 3 });
  });

  test("a repeated option gathers its values, commas and all", async () => {
    expect((await parse("-e", "A=1", "--env", "B=2,3")).options).toMatchObject({ env: ["A=1", "B=2,3"] });
  });

  test("the last one counts", async () => {
    expect((await parse("-b", "x", "--bundle=y")).options).toMatchObject({ bundle: "y" });
  });

  test("--help and -h are everywhere", async () => {
    expect((await parse("--help")).help).toBe(true);
    expect((await parse("c1", "-h")).help).toBe(true);
  });
});

describe("refusals, as runc words them", () => {
  test.each([
    [["--preserve-fds", "abc"], 'invalid value "abc" for flag -preserve-fds: parse error'],
    [["--bogus", "c1"], "flag provided but not defined: -bogus"],
    [["--bundel", "x"], "flag provided but not defined: -bundel (did you mean --bundle?)"],
    [["-x"], "flag provided but not defined: -x"],
    [["--format", "xml"], "invalid format option"],
  ])("%j", async (args, message) => {
    await expect(parse(...args)).rejects.toThrow(
      expect.objectContaining({ name: expect.any(String), message }),
    );
  });
});
