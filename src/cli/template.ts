/**
 * As much of Go's text/template as people write after docker's `--format`: fields and methods, functions, variables,
 * pipes, `if`, `else`, `range`, `with`, and what trims white space.
 * @see Go text/template; docker formatting
 */
import { RuntError } from "../errors.ts";
import { functions, isStruct, isTrue, shown } from "./template-functions.ts";

/** One piece of a template, ready to be printed. */
type Part = (scope: Scope) => string;

interface Scope {
  /** "." */
  readonly dot: unknown;
  /** `$`, `$x`: each block inherits those of the block around it. */
  readonly variables: Record<string, unknown>;
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
  return (dot) => printed(parts, { dot, variables: Object.assign(Object.create(null), { $: dot }) });
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
    const value = assigned(condition);
    return (scope) => {
      const inner = inside(scope);
      return printed(isTrue(value(inner)) ? then : otherwise, inner);
    };
  },
  with(expression: string, then: readonly Part[], otherwise: readonly Part[]): Part {
    const value = assigned(expression);
    return (scope) => {
      const inner = inside(scope);
      const dot = value(inner);
      return isTrue(dot) ? printed(then, { ...inner, dot }) : printed(otherwise, inner);
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
      if (entries.length === 0) return printed(otherwise, inside(scope));
      const one = ([key, dot]: readonly [unknown, unknown]) => {
        const inner = inside(scope, dot);
        if (second) Object.assign(inner.variables, { [first!]: key, [second]: dot });
        else if (first) inner.variables[first] = dot;
        return printed(then, inner);
      };
      return entries.map(one).join("");
    };
  },
} as const;

/** What is declared in a block is forgotten at its end. */
function inside({ dot, variables }: Scope, inner: unknown = dot): Scope {
  return { dot: inner, variables: Object.create(variables) };
}

function actionPart(action: string): Part {
  const value = assigned(action);
  return isAssignment(action) ? (scope) => [value(scope), ""][1] as string : (scope) => shown(value(scope));
}

const assignment = /^(\$\w+)\s*(:?=)(.*)$/s;

function isAssignment(text: string): boolean {
  return assignment.test(text);
}

/** `$x := pipeline`, `$x = pipeline`, or only the pipeline. */
function assigned(text: string): Expression {
  const [, name, sign, rest] = assignment.exec(text) ?? [];
  if (name === undefined) return pipeline(text);
  const value = pipeline(rest!.trim());
  return (scope) => {
    let holder = scope.variables;
    if (sign === "=") {
      variableOf(scope, name);
      while (!Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder);
    }
    holder[name] = value(scope);
    return holder[name];
  };
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
  const [first, ...others] = args;
  if (!first) throw invalid("missing value for command");
  return (scope) => {
    const value = first(scope);
    if (typeof value === "function") {
      if (others.length !== value.length) {
        throw invalid(`wrong number of args: want ${value.length} got ${others.length}`);
      }
      return value(...others.map((arg) => arg(scope)));
    }
    if (others.length > 0) throw invalid("can't give argument to non-function");
    return value;
  };
}

function operand(text: string): Expression {
  if (text.startsWith('"')) {
    const value = JSON.parse(text) as string;
    return () => value;
  }
  if (text.startsWith("`")) return () => text.slice(1, -1);
  if (/^-?\d+(\.\d+)?$/.test(text)) return () => Number(text);
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
  if (!(name in variables)) throw invalid(`undefined variable ${JSON.stringify(name)}`);
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
