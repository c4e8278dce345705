import { describe, expect, test } from "vitest";
import { suggestion } from "../../src/cli/suggest.ts";

const verbs = ["create", "start", "state", "kill", "delete", "run", "exec", "list", "ps", "pause", "resume"];

describe("a mistyped command", () => {
  test.each([
    ["strat", "start"],
    ["craete", "create"],
    ["creat", "create"],
    ["del", "delete"],
    ["excec", "exec"],
    ["rnu", "run"],
    ["pasue", "pause"],
  ])("%s: most likely %s", (typed, meant) => {
    expect(suggestion(typed, verbs)).toBe(meant);
  });

  test.each(["bogus", "xyz", "inspect"])("%s: nothing is near", (typed) => {
    expect(suggestion(typed, verbs)).toBeUndefined();
  });
});
