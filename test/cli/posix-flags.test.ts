import { describe, expect, test } from "vitest";
import type { OptionSpecs } from "../../src/cli/option.ts";
import { parseArgs } from "../../src/cli/parse.ts";
import { readPosixFlags } from "../../src/cli/posix-flags.ts";

const options = {
  tty: { type: "boolean", short: "t", summary: "" },
  interactive: { type: "boolean", short: "i", summary: "" },
  publish: { type: "strings", short: "p", value: "port", summary: "" },
  time: { type: "integer", value: "seconds", summary: "" },
  hostname: { type: "string", short: "h", value: "name", summary: "" },
} as const satisfies OptionSpecs;

const read = (...args: string[]) => readPosixFlags(args, options, "never");
const given = (...args: string[]) => Object.fromEntries(read(...args).given);

describe("command lines in the dialect of pflag", () => {
  test.each([
    [["-it"], { interactive: true, tty: true }],
    [["-i", "-t=false"], { interactive: true, tty: false }],
    [["-itp", "80:80"], { interactive: true, tty: true, publish: ["80:80"] }],
    [["-ip80:80", "-p", "1", "-p=2"], { interactive: true, publish: ["80:80", "1", "2"] }],
    [["--publish=80", "--publish", "81"], { publish: ["80", "81"] }],
    [["-p", "--tty"], { publish: ["--tty"] }],
    [["--tty=false"], { tty: false }],
    [["--time", "-1"], { time: ["-1"] }],
    [["-hweb"], { hostname: ["web"] }],
  ])("%j", (args, expected) => {
    expect(given(...args)).toEqual(expected);
  });

  test.each([
    [["-tty"], "-tty"],
    [["-x"], "-x"],
    [["--p", "80"], "--p"],
    [["--ttyy=1"], "--ttyy=1"],
  ])("%j is nobody's", (args, unknown) => {
    expect(read(...args).unknown).toBe(unknown);
  });

  test("-- ends the options, - is an operand, and operands may stand between options", () => {
    expect(read("a", "-t", "-", "--", "-i")).toEqual({
      given: new Map([["tty", true]]),
      operands: ["a", "-", "-i"],
    });
  });
});

describe("refusals, as docker words them", () => {
  const parse = (...args: string[]) => parseArgs(args, options, "never", "posix");
  test.each([
    [["--bogus"], "unknown flag: --bogus"],
    [["--hostnmae", "x"], "unknown flag: --hostnmae (did you mean --hostname?)"],
    [["-itx"], "unknown shorthand flag: 'x' in -itx"],
    [["-p"], "flag needs an argument: -p"],
    [["--publish"], "flag needs an argument: --publish"],
    [["--tty=maybe"], 'invalid argument "maybe" for --tty: true or false'],
    [["--time", "x"], 'invalid argument "x" for --time: not a whole number'],
  ])("%j", async (args, message) => {
    await expect(parse(...args)).rejects.toThrow(expect.objectContaining({ name: "UsageError", message }));
  });

  test("whoever asks for help gets it, whatever else is wrong with values", async () => {
    expect((await parse("--time", "x", "--help")).help).toBe(true);
  });
});
