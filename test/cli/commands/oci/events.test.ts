import { describe, expect, test } from "vitest";
import { durationMs } from "../../../../src/cli/commands/oci/events.ts";

describe("durations, as Go writes them", () => {
  test.each([
    ["5s", 5000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["1.5h", 5_400_000],
  ])("%s is %i ms", (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  test.each(["0", "0s"])("%s is refused", (text) => {
    expect(() => durationMs(text)).toThrow("duration interval must be greater than 0");
  });

  test.each(["5", "s", "-1s", "5 s", ""])("%j is no duration", (text) => {
    expect(() => durationMs(text)).toThrow(/invalid value/);
  });
});
