/** The options before the command, and the surroundings that they describe. */
import { chmodSync } from "node:fs";
import { resolve } from "node:path";
import { RuntError } from "../errors.ts";
import { makeDirectory } from "../linux/make-directory.ts";
import type { CgroupManager, RuntimeContext } from "../runtime/api.ts";
import { defaultRoot, isOrdinaryUser } from "../runtime/library/default-root.ts";
import { parseBool } from "./go-flags.ts";
import type { Level, LogOptions } from "./log.ts";
import type { OptionSpecs, OptionValues } from "./option.ts";

const invalid = (what: string) => new RuntError("InvalidArgument", what, { operation: "options" });

/** runc's global options, and crun's `--cgroup-manager` and `--log-level`. */
export const runtimeOptions = {
  root: {
    type: "string",
    value: "dir",
    summary: "where the state of containers is kept (default /run/runt)",
  },
  log: { type: "string", value: "file", summary: "append messages to this file (default /dev/stderr)" },
  logFormat: {
    type: "choice",
    value: "format",
    choices: ["text", "json"],
    default: "text",
    summary: "how messages are written",
    otherwise: (word) => `invalid log-format: ${word}`,
  },
  logLevel: {
    type: "choice",
    value: "level",
    choices: ["error", "warning", "info", "debug"],
    default: "info",
    summary: "the least grave message that is written",
    otherwise: (word) => `invalid log-level: ${word}`,
  },
  debug: { type: "boolean", summary: "the same as --log-level debug" },
  cgroupManager: {
    type: "choice",
    value: "manager",
    choices: ["cgroupfs", "systemd", "disabled"],
    default: "cgroupfs",
    summary: "who makes and keeps cgroups",
    otherwise: (word) => `invalid cgroup-manager: ${word}`,
  },
  systemdCgroup: {
    type: "boolean",
    summary: "the same as --cgroup-manager systemd; cgroupsPath is then slice:prefix:name",
  },
  rootless: {
    type: "string",
    value: "when",
    default: "auto",
    summary: "leave out what only root may do with cgroups: true, false, auto",
  },
  criu: { type: "string", value: "path", summary: "ignored", hidden: true },
} as const satisfies OptionSpecs;

export type RuntimeOptionValues = OptionValues<typeof runtimeOptions>;

/** Options of programs that know images. */
export const imageOptions = {
  dataRoot: {
    type: "string",
    value: "dir",
    summary: "where images are kept (default /var/lib/runt, for an ordinary user ~/.local/share/runt)",
  },
} as const satisfies OptionSpecs;

/** What those options say. */
export function imageContext(options: Readonly<Record<string, unknown>>): {
  readonly dataRoot: string | undefined;
} {
  const { dataRoot } = options as { readonly dataRoot?: string };
  return { dataRoot: dataRoot ? resolve(dataRoot) : undefined };
}

/** Where messages go, before anything else can fail. */
export function logOptions(values: RuntimeOptionValues): LogOptions {
  const level: Level = values.debug ? "debug" : values.logLevel;
  return { format: values.logFormat, level, ...(values.log && { path: values.log }) };
}

/**
 * The surroundings of the runtime's verbs. Makes the state directory of an ordinary user, as nobody else does.
 * @throws {RuntError} InvalidArgument
 */
export function runtimeContext(
  values: RuntimeOptionValues,
  log: RuntimeContext["log"],
): RuntimeContext & { readonly rootIsDefault: boolean } {
  const manager: CgroupManager = values.systemdCgroup ? "systemd" : values.cgroupManager;
  return { ...stateRoot(values.root), cgroupManager: manager, rootless: rootless(values.rootless), log };
}

function rootless(text: string): boolean | "auto" {
  if (text === "auto") return "auto";
  const value = parseBool(text);
  if (value === undefined) throw invalid(`invalid value for --rootless: ${text} (true, false or auto)`);
  return value;
}

function stateRoot(given: string | undefined): { readonly root: string; readonly rootIsDefault: boolean } {
  if (given) {
    const root = resolve(given);
    if (root === "/") throw invalid("--root must not be /");
    return { root, rootIsDefault: false };
  }
  const root = defaultRoot();
  if (isOrdinaryUser()) {
    makeDirectory(root, 0o700);
    // The sticky bit keeps tmpfiles cleaners away. @see XDG base directory specification
    chmodSync(root, 0o1700);
  }
  return { root, rootIsDefault: true };
}
