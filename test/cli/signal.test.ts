import { describe, expect, test } from "vitest";
import { signalNumber } from "../../src/cli/signal.ts";

describe("signals of kill", () => {
  test.each([
    ["9", 9],
    ["KILL", 9],
    ["SIGKILL", 9],
    ["kill", 9],
    ["sigterm", 15],
    ["RTMIN", 34],
    ["SIGRTMIN+3", 37],
    ["RTMAX-1", 63],
    ["0", 0],
    ["64", 64],
  ])("%s is %i", (text, number) => {
    expect(signalNumber(text)).toBe(number);
  });

  test.each(["BAD", "65", "-9", "", "RTMIN+31", "SIG"])("%j is none", (text) => {
    expect(() => signalNumber(text)).toThrow(
      expect.objectContaining({ kind: "InvalidArgument", message: `unknown signal ${JSON.stringify(text)}` }),
    );
  });
});
