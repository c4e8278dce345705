import { describe, expect, test } from "vitest";
import { RuntError } from "../../../src/errors.ts";
import { parseConfig, readConfig } from "../../../src/spec/runtime/config.ts";
import { formatPath } from "../../../src/spec/runtime/document-error.ts";
import { stringifyJson } from "../../../src/spec/runtime/json.ts";
import { configNames, configValue, type Json, withMember } from "./support.ts";

/** What may stand where something else is expected. */
const replacements: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  1e300,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2n ** 63n,
  2n ** 64n,
  -(2n ** 65n),
  "",
  "x",
  "/",
  "..",
  "a\0b",
  "a\nb",
  "\u2028",
  "\ud800",
  "x".repeat(5000),
  "1",
  "-1",
  "0-3",
  [],
  [null],
  [[]],
  [{}],
  [""],
  [0],
  {},
  { "": "" },
  { a: null },
  { __proto__x: {} },
  { "a\nb": { c: [1] } },
];

type Path = (string | number)[];

/** Every place in a value; of a long list the first two entries, which stand for the others. */
function* placesIn(value: Json, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path;
  if (Array.isArray(value)) {
    for (const [i, member] of value.slice(0, 2).entries()) yield* placesIn(member, [...path, i]);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, member] of Object.entries(value)) yield* placesIn(member, [...path, key]);
  }
}

/** Room for the longest list of words and the longest path, but not for whatever a document says. */
const MAX_MESSAGE = 400;

/** Throws unless the configuration is taken, or refused with a RuntError of one short line that starts with a place. */
function mustBeJudged(config: Json, what: () => string): "taken" | "refused" {
  try {
    readConfig(config, "config.json");
    return "taken";
  } catch (error) {
    const isGood =
      error instanceof RuntError &&
      error.kind === "InvalidArgument" &&
      /^config\.json: [^\p{Cc}\u2028\u2029]+$/u.test(error.message) &&
      error.message.startsWith(`${error.site.subject}: `) &&
      error.message.length < MAX_MESSAGE;
    if (!isGood) throw new Error(`${what()} gives a bad error: ${error}`, { cause: error });
    return "refused";
  }
}

describe("any value in any place is taken or refused with its place", () => {
  test.each(configNames)("%s", (name) => {
    const config = configValue(name);
    const count = { taken: 0, refused: 0 };
    for (const path of placesIn(config)) {
      for (const replacement of [undefined, ...replacements]) {
        const changed = withMember(config, path, replacement);
        count[mustBeJudged(changed, () => `${formatPath(path)} = ${String(replacement).slice(0, 40)}`)] += 1;
      }
    }
    expect(count.refused).toBeGreaterThan(1000);
    expect(count.taken).toBeGreaterThan(100);
  });

  test("a value of the wrong type is refused at the place itself", () => {
    const config = configValue("full");
    for (const path of placesIn(config)) {
      const wrong = [5n ** 40n, "text", [], {}].filter((value) => {
        const current = path.reduce<Json>((at, key) => (at as Record<string | number, Json>)[key]!, config);
        return typeof value !== typeof current || Array.isArray(value) !== Array.isArray(current);
      });
      for (const replacement of wrong) {
        // The one place where numbers too large for the kind are numbers all the same: they are cut to size.
        if (formatPath(path).startsWith("process.consoleSize.")) continue;
        const text = stringifyJson(withMember(config, path, replacement));
        const subject = `config.json: ${formatPath(path)}`;
        expect(() => parseConfig(text, "config.json"), subject).toThrow(
          expect.objectContaining({ site: { operation: "create", subject } }),
        );
      }
    }
  });
});
