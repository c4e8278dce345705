/**
 * Where and why a text is not JSON: JSON.parse says so in words that differ between its versions and
 * sometimes without a place. Runs only after JSON.parse has failed.
 */

/** The first place at which a text stops being JSON; line and column count from 1, columns in UTF-16 units. */
export interface JsonError {
  readonly line: number;
  readonly column: number;
  readonly what: string;
}

/** Finds the first fault of `text`, which JSON.parse has refused. */
export function locateJsonError(text: string): JsonError {
  const { offset, what } = scan(text);
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: offset - before.lastIndexOf("\n"), what };
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

type Expected = "value" | "first element" | "first key" | "key" | "colon" | "next";

function scan(text: string): { offset: number; what: string } {
  let offset = 0;
  const open: string[] = [];
  let expected: Expected = "value";

  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = offset;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) offset += found.length;
    return found;
  };
  const close = (): void => {
    open.pop();
    offset += 1;
    expected = "next";
  };
  const fault = (wanted: string): { offset: number; what: string } => {
    const c = text.codePointAt(offset);
    const found = c === undefined ? "the text ends" : `found ${JSON.stringify(String.fromCodePoint(c))}`;
    return { offset, what: `not JSON: expected ${wanted}, ${found}` };
  };
  /** Undefined after a whole string, else its fault. */
  const string = (): { offset: number; what: string } | undefined => {
    take(STRING);
    if (text[offset] === '"') {
      offset += 1;
      return undefined;
    }
    if (offset >= text.length) return fault('the end of a string, "\\""');
    return {
      offset,
      what:
        text[offset] === "\\"
          ? "not JSON: bad escape in a string"
          : "not JSON: unescaped control character in a string",
    };
  };

  for (;;) {
    take(SPACE);
    const c = text[offset];
    if (expected === "next") {
      const container = open.at(-1);
      if (container === undefined) return fault("the end of the text");
      if (c === ",") {
        offset += 1;
        expected = container === "{" ? "key" : "value";
      } else if (c === (container === "{" ? "}" : "]")) close();
      else return fault(container === "{" ? '"," or "}"' : '"," or "]"');
    } else if (expected === "first key" || expected === "key") {
      if (c === "}" && expected === "first key") close();
      else if (c === '"') {
        const problem = string();
        if (problem !== undefined) return problem;
        expected = "colon";
      } else
        return fault(expected === "key" ? "a property name in quotes" : 'a property name in quotes or "}"');
    } else if (expected === "colon") {
      if (c !== ":") return fault('":"');
      offset += 1;
      expected = "value";
    } else if (c === "]" && expected === "first element") close();
    else if (c === "{" || c === "[") {
      open.push(c);
      offset += 1;
      expected = c === "{" ? "first key" : "first element";
    } else if (c === '"') {
      const problem = string();
      if (problem !== undefined) return problem;
      expected = "next";
    } else if (take(SCALAR) === undefined) return fault("a value");
    else expected = "next";
  }
}
