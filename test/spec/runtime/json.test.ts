import { describe, expect, test } from "vitest";
import { parseConfig } from "../../../src/spec/runtime/config.ts";
import { parseJson, stringifyJson } from "../../../src/spec/runtime/json.ts";
import { locateJsonError } from "../../../src/spec/runtime/json-error.ts";
import { refusalOf } from "./support.ts";

const origin = { where: "config.json", operation: "create" };

describe("parseJson and stringifyJson", () => {
  test.each([
    ["0", 0],
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", 9007199254740993n],
    ["18446744073709551615", 18446744073709551615n],
    ["-9223372036854775808", -9223372036854775808n],
  ])("%s is exact both ways", (text, value) => {
    expect(parseJson(`{"a":[${text}]}`, origin)).toEqual({ a: [value] });
    expect(stringifyJson({ a: [value] })).toBe(`{"a":[${text}]}`);
  });

  test("digits in a string stay a string, and fractions stay numbers", () => {
    const text = '{"id":"12345678901234567890","f":0.12345678901234566,"e":1e300}';
    expect(parseJson(text, origin)).toEqual({ id: "12345678901234567890", f: 0.12345678901234566, e: 1e300 });
  });

  test("a number with a million digits is no work", () => {
    expect(parseJson("9".repeat(1_000_000), origin)).toBe(Infinity);
  });

  test("writes indented", () => {
    expect(stringifyJson({ a: 2n ** 63n }, 2)).toBe('{\n  "a": 9223372036854775808\n}');
  });
});

describe("a text that is not JSON", () => {
  test.each([
    ["", 1, 1, "expected a value, the text ends"],
    ["  ", 1, 3, "expected a value, the text ends"],
    ["{", 1, 2, 'expected a property name in quotes or "}", the text ends'],
    ['{"a" 1}', 1, 6, 'expected ":", found "1"'],
    ['{"a":1 "b":2}', 1, 8, 'expected "," or "}", found "\\""'],
    ['{"a":1,}', 1, 8, 'expected a property name in quotes, found "}"'],
    ["{a:1}", 1, 2, 'expected a property name in quotes or "}", found "a"'],
    ["[1,]", 1, 4, 'expected a value, found "]"'],
    ["[1 2]", 1, 4, 'expected "," or "]", found "2"'],
    ["[1", 1, 3, 'expected "," or "]", the text ends'],
    ["{} {}", 1, 4, 'expected the end of the text, found "{"'],
    ["01", 1, 2, 'expected the end of the text, found "1"'],
    ["nul", 1, 1, 'expected a value, found "n"'],
    ["NaN", 1, 1, 'expected a value, found "N"'],
    ["'a'", 1, 1, 'expected a value, found "\'"'],
    ['{\n  "a": 1,\n  "b": tru\n}', 3, 8, 'expected a value, found "t"'],
    ['["a\nb"]', 1, 4, "unescaped control character in a string"],
    ['["a\\x"]', 1, 4, "bad escape in a string"],
    ['["abc', 1, 6, 'expected the end of a string, "\\"", the text ends'],
    ["\ufeff{}", 1, 1, 'expected a value, found "\ufeff"'],
    ['{"a":1}\n}', 2, 1, 'expected the end of the text, found "}"'],
    ["[😀]", 1, 2, 'expected a value, found "😀"'],
    ["[\n", 2, 1, "expected a value, the text ends"],
  ])("%j", (text, line, column, what) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(locateJsonError(text)).toEqual({ line, column, what: `not JSON: ${what}` });
    const error = refusalOf(() => parseConfig(text, "config.json"));
    const subject = `config.json:${line}:${column}`;
    expect(error).toMatchObject({ kind: "InvalidArgument", site: { operation: "create", subject } });
    expect(error.message).toBe(`${subject}: not JSON: ${what}`);
  });

  test("deep nesting is judged, not a crash", () => {
    const deep = "[".repeat(200_000) + "]".repeat(200_000);
    const tooDeep = refusalOf(() => parseConfig(`{"ociVersion":"2.0.0","x":${deep}}`, "config.json"));
    expect(tooDeep.kind).toBe("InvalidArgument");
    const withBigNumber = refusalOf(() =>
      parseConfig(`{"ociVersion":"2.0.0","n":18446744073709551615,"x":${deep}}`, "config.json"),
    );
    expect(withBigNumber.kind).toBe("InvalidArgument");
    const open = refusalOf(() => parseConfig("[".repeat(200_000), "config.json"));
    expect(open.message).toBe("config.json:1:200001: not JSON: expected a value, the text ends");
  });

  test("any cut of a document is refused at its end or before", () => {
    const text = stringifyJson({ a: [1, "é\n", { b: null, c: true }], d: -1.5e3 }, 1);
    for (let end = 0; end < text.length; end++) {
      const cut = text.slice(0, end);
      const { line, column, what } = locateJsonError(cut);
      expect(line).toBeLessThanOrEqual(cut.split("\n").length);
      expect(column).toBeGreaterThan(0);
      expect(what).toMatch(/^not JSON: /);
    }
  });
});
