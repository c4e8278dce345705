/**
 * Changes of an image config, written as instructions of a Dockerfile: `--change` of import and commit. One
 * instruction is a row of the table below.
 */
import { posix } from "node:path";
import { RuntError } from "../../errors.ts";
import { goDurationMs } from "../../spec/go-duration.ts";
import type { ContainerConfig, Healthcheck } from "../../spec/image/config.ts";
import { splitPairs, splitWords } from "./words.ts";

/** A config that is being changed. */
type Draft = { -readonly [K in keyof ContainerConfig]: ContainerConfig[K] };

interface Change {
  readonly draft: Draft;
  /** What follows the instruction. */
  readonly rest: string;
  /** Instructions before this one, in capitals. */
  readonly before: ReadonlySet<string>;
}

const instructions: Readonly<Record<string, (change: Change) => void>> = {
  CMD({ draft, rest }) {
    draft.Cmd = command(draft, rest);
  },
  ENTRYPOINT({ draft, rest, before }) {
    draft.Entrypoint = command(draft, rest);
    // The old command was for the old entrypoint.
    if (!before.has("CMD")) delete draft.Cmd;
  },
  ENV({ draft, rest }) {
    for (const [name, value] of splitPairs(rest)) {
      draft.Env = [...draft.Env.filter((line) => !line.startsWith(`${name}=`)), `${name}=${value}`];
    }
  },
  EXPOSE({ draft, rest }) {
    draft.ExposedPorts = keys(draft.ExposedPorts, splitWords(rest).flatMap(ports));
  },
  HEALTHCHECK({ draft, rest }) {
    draft.Healthcheck = healthcheck(draft, rest);
  },
  LABEL({ draft, rest }) {
    draft.Labels = { ...draft.Labels, ...Object.fromEntries(splitPairs(rest)) };
  },
  ONBUILD({ draft, rest }) {
    draft.OnBuild = [...(draft.OnBuild ?? []), rest];
  },
  SHELL({ draft, rest }) {
    const shell = jsonList(rest);
    if (shell === undefined || shell.length === 0)
      throw new TypeError('must be a list such as ["/bin/sh", "-c"]');
    draft.Shell = shell;
  },
  STOPSIGNAL({ draft, rest }) {
    draft.StopSignal = one(rest);
  },
  USER({ draft, rest }) {
    draft.User = one(rest);
  },
  VOLUME({ draft, rest }) {
    const paths = jsonList(rest) ?? splitWords(rest);
    if (paths.includes("")) throw new TypeError("a path is empty");
    draft.Volumes = keys(draft.Volumes, paths);
  },
  WORKDIR({ draft, rest }) {
    draft.WorkingDir = posix.resolve("/", draft.WorkingDir ?? "/", one(rest));
  },
};

/**
 * The config after these changes, made in their order; `CMD=…` is read as `CMD …`.
 * @throws {RuntError} InvalidArgument, naming the change that is none
 */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  const draft: Draft = { ...config };
  const before = new Set<string>();
  for (const text of changes) {
    const [, word = "", rest = ""] = /^\s*([A-Za-z]+)(?:\s+|=|$)(.*?)\s*$/s.exec(text) ?? [];
    const name = word.toUpperCase();
    const apply = Object.hasOwn(instructions, name) ? instructions[name] : undefined;
    const subject = `change ${JSON.stringify(text.slice(0, 200))}`;
    const site = { operation: "change", subject };
    if (apply === undefined) {
      const known = Object.keys(instructions).join(", ");
      throw new RuntError("InvalidArgument", `${subject}: must begin with one of ${known}`, site);
    }
    try {
      if (rest === "") throw new TypeError(`${name} needs something to follow it`);
      apply({ draft, rest, before });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new RuntError("InvalidArgument", `${subject}: ${error.message}`, site, error);
    }
    before.add(name);
  }
  return draft;
}

/** `["a", "b"]` as it is; anything else is a line for the shell. */
function command(draft: Draft, rest: string): string[] {
  return jsonList(rest) ?? [...(draft.Shell ?? ["/bin/sh", "-c"]), rest];
}

/** A JSON list of texts; undefined for what is none, which then means something else. */
function jsonList(rest: string): string[] | undefined {
  if (!rest.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(rest);
    if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  } catch {}
  return undefined;
}

function one(rest: string): string {
  const words = splitWords(rest);
  if (words.length !== 1 || words[0] === "") throw new TypeError("takes one word");
  return words[0]!;
}

/** Go's `map[string]struct{}`. */
type Keys = Record<string, Record<string, never>>;

function keys(old: Keys | undefined, added: readonly string[]): Keys {
  return { ...old, ...Object.fromEntries(added.map((key) => [key, {}])) };
}

/** "80", "53/udp", "8000-8010/tcp" as "80/tcp" … */
function ports(word: string): string[] {
  const [, first, last = first, protocol = "tcp"] =
    /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (!(from >= 1 && from <= to && to <= 65535)) throw new TypeError(`${JSON.stringify(word)} is no port`);
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}/${protocol.toLowerCase()}`);
}

const durations = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
} as const;

/** `NONE`, or `[--interval=30s] [--retries=3] CMD …`. */
function healthcheck(draft: Draft, text: string): Healthcheck {
  const check: Healthcheck = {};
  let rest = text;
  for (let flag = nextFlag(rest); flag; flag = nextFlag(rest)) {
    const { name, value } = flag;
    if (name === "retries" && /^\d+$/.test(value)) check.Retries = Number(value);
    else if (Object.hasOwn(durations, name))
      check[durations[name as keyof typeof durations]] = nanoseconds(value);
    else throw new TypeError(`--${name}=${value} is not known`);
    rest = flag.rest;
  }
  const [, kind = "", line = ""] = /^(\w+)\s*(.*)$/s.exec(rest) ?? [];
  if (kind.toUpperCase() === "NONE" && line === "") return { Test: ["NONE"] };
  if (kind.toUpperCase() !== "CMD" || line === "") throw new TypeError("must be NONE or CMD with a command");
  const list = jsonList(line);
  check.Test = list ? ["CMD", ...list] : ["CMD-SHELL", line];
  // A shell of the image's own is part of its command.
  if (!list && draft.Shell) check.Test = ["CMD", ...draft.Shell, line];
  return check;
}

function nextFlag(text: string): { name: string; value: string; rest: string } | undefined {
  const [, name, value, rest] = /^--([a-z-]+)=(\S+)\s+(.*)$/s.exec(text) ?? [];
  return name && value && rest !== undefined ? { name, value, rest } : undefined;
}

/** "1m30s", "500ms". */
function nanoseconds(text: string): number {
  const ms = goDurationMs(text);
  if (ms === undefined) throw new TypeError(`${JSON.stringify(text)} is no duration such as 1m30s`);
  return Math.round(ms * 1e6);
}
