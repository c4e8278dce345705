/**
 * As much of Go's text/template as people write after docker's `--format`: fields, `json`, `upper`, `lower`, `title`,
 * `join`, `split`, `len`, `index`, `println`, `truncate`, pipes, `if`, `else`, `range`, `with`, and what trims white space.
 * @see Go text/template; docker formatting
 */
import { RuntError } from "../errors.ts";
import { json } from "./output.ts";

/** One piece of a template, ready to be printed. */
type Part = (scope: Scope) => string;

interface Scope {
  /** "." */
  readonly dot: unknown;
  /** `$`, `$x`. */
  readonly variables: Readonly<Record<string, unknown>>;
}

type Token = { readonly text: string } | { readonly action: string };

function invalid(what: string): RuntError {
  return new RuntError("InvalidArgument", `template parsing error: ${what}`, { operation: "format" });
}

/**
 * Reads a template. `\t` and `\n` written out are a tab and a line break, since a shell hands them on as they are.
 * @throws {RuntError} InvalidArgument
 */
export function template(text: string): (value: unknown) => string {
  const tokens = tokensOf(text.replaceAll("\\t", "\t").replaceAll("\\n", "\n"));
  const { parts, end } = partsOf(tokens, 0);
  if (end < tokens.length) throw invalid(`unexpected {{${(tokens[end] as { action: string }).action}}}`);
  return (dot) => printed(parts, { dot, variables: { $: dot } });
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;
  const add = (piece: string, trimEnd: boolean) => {
    const start = trimNext ? piece.trimStart() : piece;
    const whole = trimEnd ? start.trimEnd() : start;
    if (whole !== "") tokens.push({ text: whole });
  };
  // An action may hold a string with braces in it.
  for (const match of text.matchAll(/\{\{(- )?((?:"(?:\\.|[^"\\])*"|`[^`]*`|(?!\}\}).)*?)( -)?\}\}/gs)) {
    add(text.slice(at, match.index), match[1] !== undefined);
    tokens.push({ action: match[2]!.trim() });
    trimNext = match[3] !== undefined;
    at = match.index + match[0].length;
  }
  const rest = text.slice(at);
  if (rest.includes("{{")) throw invalid("unclosed action");
  add(rest, false);
  return tokens.filter((token) => !("action" in token) || !token.action.startsWith("/*"));
}

/** Until an `end` or `else` that belongs to whoever called. */
function partsOf(tokens: readonly Token[], from: number): { parts: Part[]; end: number } {
  const parts: Part[] = [];
  let at = from;
  for (; at < tokens.length; at++) {
    const token = tokens[at]!;
    if ("text" in token) {
      parts.push(() => token.text);
      continue;
    }
    if (/^(end|else)\b/.test(token.action)) break;
    const [, keyword, rest = ""] = /^(if|range|with)\b(.*)$/s.exec(token.action) ?? [];
    if (keyword === undefined) {
      parts.push(actionPart(token.action));
      continue;
    }
    const then = partsOf(tokens, at + 1);
    const { otherwise, end } = elseOf(tokens, then.end);
    parts.push(blocks[keyword as keyof typeof blocks](rest.trim(), then.parts, otherwise));
    at = end;
  }
  return { parts, end: at };
}

/** What follows at an `else` or `end`. @returns the index of the `end` */
function elseOf(tokens: readonly Token[], at: number): { otherwise: Part[]; end: number } {
  const token = tokens[at];
  if (!token || !("action" in token)) throw invalid("unexpected end of the template: {{end}} is missing");
  if (token.action === "end") return { otherwise: [], end: at };
  const chained = /^else\s+if\b(.*)$/s.exec(token.action)?.[1];
  const inner = partsOf(tokens, at + 1);
  if (chained === undefined) {
    const { otherwise, end } = elseOf(tokens, inner.end);
    if (otherwise.length > 0) throw invalid("{{else}} twice");
    return { otherwise: inner.parts, end };
  }
  const { otherwise, end } = elseOf(tokens, inner.end);
  return { otherwise: [blocks.if(chained.trim(), inner.parts, otherwise)], end };
}

const blocks = {
  if(condition: string, then: readonly Part[], otherwise: readonly Part[]): Part {
    const value = pipeline(condition);
    return (scope) => printed(isTrue(value(scope)) ? then : otherwise, scope);
  },
  with(expression: string, then: readonly Part[], otherwise: readonly Part[]): Part {
    const value = pipeline(expression);
    return (scope) => {
      const dot = value(scope);
      return isTrue(dot) ? printed(then, { ...scope, dot }) : printed(otherwise, scope);
    };
  },
  range(expression: string, then: readonly Part[], otherwise: readonly Part[]): Part {
    const [, first, second, rest] = /^(?:(\$\w+)\s*(?:,\s*(\$\w+)\s*)?:=)?(.*)$/s.exec(expression)!;
    const value = pipeline(rest!.trim());
    return (scope) => {
      const list = value(scope);
      const entries = Array.isArray(list)
        ? [...list.entries()]
        : Object.entries((list ?? {}) as object).sort();
      if (entries.length === 0) return printed(otherwise, scope);
      const one = ([key, dot]: readonly [unknown, unknown]) => {
        const names: Record<string, unknown> = {};
        if (second) Object.assign(names, { [first!]: key, [second]: dot });
        else if (first) names[first] = dot;
        return printed(then, { dot, variables: { ...scope.variables, ...names } });
      };
      return entries.map(one).join("");
    };
  },
} as const;

function actionPart(action: string): Part {
  const value = pipeline(action);
  return (scope) => shown(value(scope));
}

function printed(parts: readonly Part[], scope: Scope): string {
  return parts.map((part) => part(scope)).join("");
}

type Expression = (scope: Scope) => unknown;

/** What follows a parenthesis is a field of what is in it: `(index .Config 0).Gateway`. */
const word = /"(?:\\.|[^"\\])*"|`[^`]*`|\||\(|\)(?:\.\w+)*|[^\s|()]+/g;

/** Commands with pipes between them: what one gives is the last argument of the next. */
function pipeline(text: string): Expression {
  const words = text.match(word) ?? [];
  const { expression, end } = pipelineOf(words, 0);
  if (end < words.length) throw invalid(`unexpected ${JSON.stringify(words[end])}`);
  return expression;
}

function pipelineOf(words: readonly string[], from: number): { expression: Expression; end: number } {
  let at = from;
  let before: Expression | undefined;
  for (;;) {
    const args: Expression[] = [];
    let name: string | undefined;
    for (; at < words.length && words[at] !== "|" && !words[at]!.startsWith(")"); at++) {
      const text = words[at]!;
      if (text === "(") {
        const inner = pipelineOf(words, at + 1);
        const close = words[inner.end];
        if (!close?.startsWith(")")) throw invalid("a parenthesis is not closed");
        args.push(fieldOf(inner.expression, close.slice(1)));
        at = inner.end;
      } else if (name === undefined && args.length === 0 && Object.hasOwn(functions, text)) name = text;
      else args.push(operand(text));
    }
    if (before) args.push(before);
    before = call(name, args);
    if (words[at] !== "|") return { expression: before, end: at };
    at++;
  }
}

function fieldOf(expression: Expression, path: string): Expression {
  const keys = path.split(".").filter((key) => key !== "");
  if (keys.length === 0) return expression;
  return (scope) => keys.reduce((value, key) => member(value, key, path), expression(scope));
}

function call(name: string | undefined, args: readonly Expression[]): Expression {
  if (name !== undefined) {
    const fn = functions[name as keyof typeof functions] as (...values: unknown[]) => unknown;
    return (scope) => fn(...args.map((arg) => arg(scope)));
  }
  const [only, more] = args;
  if (!only) throw invalid("missing value for command");
  if (more) throw invalid("only a function takes arguments");
  return only;
}

function operand(text: string): Expression {
  if (text.startsWith('"')) {
    const value = JSON.parse(text) as string;
    return () => value;
  }
  if (text.startsWith("`")) return () => text.slice(1, -1);
  if (/^-?\d+$/.test(text)) return () => Number(text);
  if (text === "true" || text === "false") return () => text === "true";
  if (text === "nil") return () => undefined;
  const [, variable, path] = /^(\$\w*)?((?:\.\w*)*)$/.exec(text) ?? [];
  if (path === undefined) throw invalid(`function ${JSON.stringify(text)} not defined`);
  const keys = path.split(".").filter((key) => key !== "");
  return (scope) => {
    const start = variable === undefined ? scope.dot : variableOf(scope, variable);
    return keys.reduce((value, key) => member(value, key, text), start);
  };
}

function variableOf({ variables }: Scope, name: string): unknown {
  if (!Object.hasOwn(variables, name)) throw invalid(`undefined variable ${JSON.stringify(name)}`);
  return variables[name];
}

/** A name that nothing has is a mistake; one that is only not set is not. */
function member(value: unknown, key: string, text: string): unknown {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "object" && Object.hasOwn(value, key)) return (value as Record<string, unknown>)[key];
  if (typeof value === "object" && !isStruct(value)) return undefined;
  throw new RuntError("InvalidArgument", `template: can't evaluate field ${key} in ${text}`, {
    operation: "format",
  });
}

/** What docker has as a Go struct has names in capitals; labels and such are maps. */
function isStruct(value: object): boolean {
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => /^[A-Z]/.test(key));
}

function isTrue(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === 0 || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** As Go's fmt prints a value. */
function shown(value: unknown): string {
  if (value === undefined || value === null) return "<no value>";
  if (Array.isArray(value)) return `[${value.map(shown).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).map(([key, member]) => `${key}:${shown(member)}`);
  return isStruct(value) ? `{${entries.join(" ")}}` : `map[${entries.sort().join(" ")}]`;
}

const text = (value: unknown) => (value === undefined || value === null ? "" : shown(value));
const list = (value: unknown) => (Array.isArray(value) ? value.map(text) : []);

const functions = {
  json: (value: unknown) => json(value ?? null),
  upper: (value: unknown) => text(value).toUpperCase(),
  lower: (value: unknown) => text(value).toLowerCase(),
  title: (value: unknown) => text(value).replaceAll(/\b[a-z]/g, (c) => c.toUpperCase()),
  join: (values: unknown, between: unknown) => list(values).join(text(between)),
  split: (value: unknown, between: unknown) => text(value).split(text(between)),
  truncate: (value: unknown, length: unknown) => text(value).slice(0, Number(length)),
  len: (value: unknown) =>
    typeof value === "string" ? value.length : Object.keys((value ?? {}) as object).length,
  index: (value: unknown, ...keys: unknown[]) =>
    keys.reduce((inner, key) => (inner as Record<string, unknown> | undefined)?.[String(key)], value),
  print: (...values: unknown[]) => values.map(text).join(""),
  println: (...values: unknown[]) => `${values.map(text).join(" ")}\n`,
  eq: (a: unknown, ...others: unknown[]) => others.some((b) => a === b),
  ne: (a: unknown, b: unknown) => a !== b,
  not: (value: unknown) => !isTrue(value),
  and: (...values: unknown[]) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values: unknown[]) => values.find(isTrue) ?? values.at(-1),
} as const;
