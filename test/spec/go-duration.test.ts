import { expect, test } from "vitest";
import { goDurationMs } from "../../src/spec/go-duration.ts";

test.each([
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["500ms", 500],
  ["1h2m3s4ms", 3_723_004],
  ["5us", 0.005],
  ["5\u00b5s", 0.005],
  ["5\u03bcs", 0.005],
  ["100ns", 0.0001],
  [".5s", 500],
  ["1.s", 1000],
  ["0", 0],
  ["0s", 0],
])("%s is %d ms", (text, ms) => {
  expect(goDurationMs(text)).toBeCloseTo(ms, 9);
});

test.each(["", "5", "s", "-1s", "1d", "1 s", "1s ", "1.2.3s", "ms5"])("%j is no duration", (text) => {
  expect(goDurationMs(text)).toBeUndefined();
});
