import { describe, expect, test } from "vitest";
import { readFlags } from "../../src/cli/go-flags.ts";
import type { OptionSpecs } from "../../src/cli/option.ts";

const options = {
  force: { type: "boolean", short: "f", summary: "" },
  pidFile: { type: "string", short: "p", value: "file", summary: "" },
  noPivot: { type: "boolean", summary: "" },
} as const satisfies OptionSpecs;

const read = (...args: string[]) => readFlags(args, options, "never");
const given = (...args: string[]) => Object.fromEntries(read(...args).given);

describe("command lines in the dialect of Go's flag package", () => {
  test.each([
    [["--pid-file", "x"]],
    [["-pid-file", "x"]],
    [["--pid-file=x"]],
    [["-pid-file=x"]],
    [["-p", "x"]],
    [["-p=x"]],
    [["--p", "x"]],
  ])("%j is one option with a value", (args) => {
    expect(given(...args)).toEqual({ pidFile: ["x"] });
  });

  test("a value may begin with a dash, or be empty, or have an equals sign", () => {
    expect(given("--pid-file", "-1")).toEqual({ pidFile: ["-1"] });
    expect(given("--pid-file", "")).toEqual({ pidFile: [""] });
    expect(given("--pid-file", "--force")).toEqual({ pidFile: ["--force"] });
    expect(given("--pid-file=a=b")).toEqual({ pidFile: ["a=b"] });
  });

  test.each(["true", "1", "t", "TRUE"])("--force=%s is --force", (value) => {
    expect(given(`--force=${value}`)).toEqual({ force: true });
  });

  test.each(["false", "0", "F"])("--force=%s takes it back", (value) => {
    expect(given("--force", `--force=${value}`)).toEqual({ force: false });
  });

  test("options may follow operands", () => {
    expect(read("web-1", "--force")).toEqual({ given: new Map([["force", true]]), operands: ["web-1"] });
  });

  test("after the first operand everything is another program's, where it is asked for", () => {
    const { operands } = readFlags(["-f", "web-1", "-f", "--", "ls"], options, "at the first operand");
    expect(operands).toEqual(["web-1", "-f", "--", "ls"]);
  });

  test("-- ends the options, - is an operand", () => {
    expect(read("--", "--force").operands).toEqual(["--force"]);
    expect(read("-", "-f").operands).toEqual(["-"]);
  });

  test("an option that nobody declared is handed back", () => {
    expect(read("--force", "--forze=1", "x").unknown).toBe("--forze=1");
  });

  test.each([
    ["--force=maybe", 'invalid boolean value "maybe" for -force: parse error'],
    ["--pid-file", "flag needs an argument: -pid-file"],
    ["-p", "flag needs an argument: -p"],
  ])("%s is refused in Go's words", (arg, message) => {
    expect(() => read(arg)).toThrow(message);
  });
});
