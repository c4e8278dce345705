/** What a template may call: docker's own functions, and those that Go's text/template always has. */
import { json } from "./output.ts";

/** Go's rule of what `if` and its like take for yes. */
export function isTrue(value: unknown): boolean {
  if (
    value === null ||
    value === undefined ||
    value === false ||
    value === 0 ||
    value === 0n ||
    value === ""
  ) {
    return false;
  }
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** What docker has as a Go struct has names in capitals; labels and such are maps. */
export function isStruct(value: object): boolean {
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => /^[A-Z]/.test(key));
}

/** As Go's fmt prints a value. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(shown).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).map(([key, member]) => `${key}:${shown(member)}`);
  return isStruct(value) ? `{${entries.join(" ")}}` : `map[${entries.sort().join(" ")}]`;
}

const text = (value: unknown) => (value === undefined || value === null ? "" : shown(value));
const list = (value: unknown) => (Array.isArray(value) ? value.map(text) : []);
const spaces = (count: unknown) => " ".repeat(Math.max(0, Number(count)));
const compare = (a: unknown, b: unknown) =>
  typeof a === "string" ? (a < String(b) ? -1 : a > String(b) ? 1 : 0) : Number(a) - Number(b);

const verb = /%([-+# 0]*)(\*|\d+)?(?:\.(\d+))?([a-zA-Z%])/g;

/** @see Go fmt#hdr-Printing */
function printf(format: unknown, ...values: unknown[]): string {
  let next = 0;
  const done = text(format).replaceAll(verb, (_whole, flags: string, width, precision, letter: string) => {
    if (letter === "%") return "%";
    const wide = width === "*" ? Number(values[next++]) : Number(width ?? 0);
    if (next >= values.length) return `%!${letter}(MISSING)`;
    const word = formatted(letter, values[next++], precision === undefined ? undefined : Number(precision));
    if (flags.includes("-")) return word.padEnd(wide);
    const sign = flags.includes("+") && /^[0-9]/.test(word) ? "+" : "";
    const zeros = flags.includes("0") && /^-?[0-9]/.test(word);
    if (!zeros) return `${sign}${word}`.padStart(wide);
    const digits = word.replace(/^-/, "");
    const minus = digits === word ? sign : "-";
    return minus + digits.padStart(wide - minus.length, "0");
  });
  const extra = values.slice(next).map((value) => `${typeof value}=${text(value)}`);
  return extra.length === 0 ? done : `${done}%!(EXTRA ${extra.join(", ")})`;
}

function formatted(letter: string, value: unknown, precision: number | undefined): string {
  const isNumber = typeof value === "number" || typeof value === "bigint";
  switch (letter) {
    case "s":
    case "v":
      return precision === undefined ? text(value) : [...text(value)].slice(0, precision).join("");
    case "q":
      return JSON.stringify(text(value));
    case "t":
      if (typeof value === "boolean") return String(value);
      break;
    case "d":
      if (isNumber) return String(value);
      break;
    case "x":
    case "X": {
      const hex = isNumber ? value.toString(16) : Buffer.from(text(value)).toString("hex");
      return letter === "X" ? hex.toUpperCase() : hex;
    }
    case "f":
    case "F":
      if (isNumber) return Number(value).toFixed(precision ?? 6);
      break;
  }
  return `%!${letter}(${text(value)})`;
}

const htmlEscapes: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  '"': "&#34;",
  "'": "&#39;",
};

export const functions = {
  json: (value: unknown) => json(value ?? null),
  upper: (value: unknown) => text(value).toUpperCase(),
  lower: (value: unknown) => text(value).toLowerCase(),
  title: (value: unknown) => text(value).replaceAll(/\b[a-z]/g, (c) => c.toUpperCase()),
  join: (values: unknown, between: unknown) => list(values).join(text(between)),
  split: (value: unknown, between: unknown) => text(value).split(text(between)),
  truncate: (value: unknown, length: unknown) => text(value).slice(0, Number(length)),
  pad: (value: unknown, before: unknown, after: unknown) =>
    value === "" ? "" : `${spaces(before)}${text(value)}${spaces(after)}`,
  len: (value: unknown) =>
    typeof value === "string" ? value.length : Object.keys((value ?? {}) as object).length,
  index: (value: unknown, ...keys: unknown[]) =>
    // What it has itself: a template names nothing of ours.
    keys.reduce((inner, key) => {
      const name = String(key);
      const has = inner !== undefined && inner !== null && Object.hasOwn(Object(inner), name);
      return has ? (inner as Record<string, unknown>)[name] : undefined;
    }, value),
  slice: (value: unknown, from: unknown = 0, to?: unknown) => {
    const whole = Array.isArray(value) ? value : text(value);
    return whole.slice(Number(from), to === undefined ? undefined : Number(to));
  },
  print: (...values: unknown[]) => values.map(text).join(""),
  println: (...values: unknown[]) => `${values.map(text).join(" ")}\n`,
  printf,
  html: (...values: unknown[]) =>
    values
      .map(text)
      .join("")
      .replaceAll(/[<>&"']/g, (c) => htmlEscapes[c]!),
  urlquery: (...values: unknown[]) =>
    encodeURIComponent(values.map(text).join("")).replaceAll("%20", "+").replaceAll("'", "%27"),
  eq: (a: unknown, ...others: unknown[]) => others.some((b) => a === b),
  ne: (a: unknown, b: unknown) => a !== b,
  lt: (a: unknown, b: unknown) => compare(a, b) < 0,
  le: (a: unknown, b: unknown) => compare(a, b) <= 0,
  gt: (a: unknown, b: unknown) => compare(a, b) > 0,
  ge: (a: unknown, b: unknown) => compare(a, b) >= 0,
  not: (value: unknown) => !isTrue(value),
  // -1, which is the last, where there is no such value.
  and: (...values: unknown[]) => values.at(values.findIndex((value) => !isTrue(value))),
  or: (...values: unknown[]) => values.at(values.findIndex(isTrue)),
} as const;
