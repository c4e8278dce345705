import { describe, expect, test } from "vitest";
import { annotatedProperties } from "../../../../src/runtime/cgroup/systemd/annotations.ts";
import { cpuMask } from "../../../../src/runtime/cgroup/systemd/cpu-mask.ts";
import { parseGVariant } from "../../../../src/runtime/cgroup/systemd/gvariant.ts";
import { origin } from "../resources.ts";

describe("GVariant text", () => {
  for (const [text, signature, value] of [
    ["true", "b", true],
    ["5", "i", 5],
    ["-5", "i", -5],
    ["0x10", "i", 16],
    ["1.5", "d", 1.5],
    ["uint64 5", "t", 5n],
    ["@t 18446744073709551615", "t", 2n ** 64n - 1n],
    ["byte 255", "y", 255],
    ["'it\\'s'", "s", "it's"],
    ['"a \\"b\\" \\n"', "s", 'a "b" \n'],
    ["objectpath '/a'", "o", "/a"],
    ["['a', 'b']", "as", ["a", "b"]],
    ["@as []", "as", []],
    ["[uint32 1, 2]", "au", [1, 2]],
    ["@au [1]", "au", [1]],
    ["('a', 5)", "(si)", ["a", 5]],
    ["@a(st) [('/dev/sda', 100)]", "a(st)", [["/dev/sda", 100n]]],
    ["<true>", "v", { signature: "b", value: true }],
    ["  'x'  ", "s", "x"],
  ] as const) {
    test(text, () => expect(parseGVariant(text)).toEqual({ signature, value }));
  }

  for (const text of [
    "",
    "foo",
    "5 6",
    "'open",
    "byte 256",
    "uint32 -1",
    "[]",
    "[1, 'a']",
    "@s 5",
    "2147483648",
    "uint32 1.5",
    "@ai 5",
  ]) {
    test(`refused: ${text}`, () => expect(() => parseGVariant(text)).toThrow(SyntaxError));
  }
});

describe("org.systemd.property. annotations", () => {
  const properties = (annotations: Record<string, string>) => annotatedProperties(annotations, origin);

  test("others are left alone", () => expect(properties({ "org.example": "5" })).toEqual([]));

  test("names and values pass as they are", () => {
    expect(properties({ "org.systemd.property.CollectMode": "'inactive-or-failed'" })).toEqual([
      ["CollectMode", { signature: "s", value: "inactive-or-failed" }],
    ]);
  });

  for (const [value, microseconds] of [
    ["uint64 123456789", 123456789000000n],
    ["5", 5000000n],
    ["0.25", 250000n],
  ] as const) {
    test(`TimeoutStopSec=${value} becomes microseconds`, () => {
      expect(properties({ "org.systemd.property.TimeoutStopSec": value })).toEqual([
        ["TimeoutStopUSec", { signature: "t", value: microseconds }],
      ]);
    });
  }

  for (const [key, value, message] of [
    ["ab", "5", /three or more letters/],
    ["a.b.c", "5", /three or more letters/],
    ["Foo", "bar", /no type is called bar/],
    ["TimeoutStopSec", "'five'", /must be a number of seconds/],
  ] as const) {
    test(`refused: ${key}=${value}`, () => {
      const error = expect.objectContaining({
        kind: "InvalidArgument",
        message: expect.stringMatching(message),
      });
      expect(() => properties({ [`org.systemd.property.${key}`]: value })).toThrow(error);
    });
  }
});

describe("CPU lists as masks", () => {
  for (const [list, mask] of [
    ["0", [1]],
    ["1,3-5", [0b111010]],
    ["7-8", [0x80, 1]],
    [" 0 , , 2 ", [5]],
    ["16", [0, 0, 1]],
    ["", undefined],
    ["5-3", undefined],
    ["a", undefined],
    ["1-", undefined],
  ] as const) {
    test(`"${list}"`, () => expect(cpuMask(list)).toEqual(mask && Uint8Array.from(mask)));
  }
});
