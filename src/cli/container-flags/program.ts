/** What runs in the container, as whom, where, and on which streams. */
import { isAbsolute } from "node:path";
import type { ContainerRequest } from "../../engine/request.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { flagError } from "./flag-error.ts";
import { withoutSlash } from "./surroundings.ts";

const group = "Program";

export const programOptions = {
  interactive: { type: "boolean", short: "i", group, summary: "keep stdin open, and pass ours on to it" },
  tty: { type: "boolean", short: "t", group, summary: "give it a terminal" },
  entrypoint: {
    type: "string",
    value: "program",
    group,
    summary: 'instead of the image\'s; "" for none, or a JSON array',
  },
  workdir: { type: "string", short: "w", value: "dir", group, summary: "working directory, made if need be" },
  user: {
    type: "string",
    short: "u",
    value: "user[:group]",
    group,
    summary: "names of the container, or numbers",
  },
  groupAdd: { type: "strings", value: "group", group, summary: "another group of the user" },
  init: { type: "boolean", group, summary: "a small init is process 1: it passes signals on and reaps" },
  hostname: {
    type: "string",
    short: "h",
    value: "name",
    group: "Network",
    summary: "its host name (the beginning of its ID)",
  },
  domainname: { type: "string", value: "name", group: "Network", summary: "its NIS domain name" },
} as const satisfies OptionSpecs;

type Program = Pick<
  ContainerRequest,
  | "command"
  | "entrypoint"
  | "workingDir"
  | "user"
  | "groups"
  | "tty"
  | "stdin"
  | "init"
  | "hostname"
  | "domainname"
>;

/** How `run` and `create` differ in what they attach. */
export type Attached = "foreground" | "detached";

/**
 * @param command operands after the image
 * @throws {RuntError} InvalidArgument
 */
export function programOf(
  options: OptionValues<typeof programOptions>,
  command: readonly string[],
  attached: Attached,
): Program {
  const { entrypoint, workdir, user, hostname } = options;
  if (workdir !== undefined && !isAbsolute(workdir)) {
    throw flagError("--workdir", workdir, "it needs to be an absolute path");
  }
  if (hostname !== undefined && !/^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$/i.test(hostname)) {
    throw flagError("--hostname", hostname, "not a host name: letters, digits, - and ., 64 at most");
  }
  return {
    command: command.length > 0 ? command : undefined,
    entrypoint: entrypoint === undefined ? undefined : entrypointOf(entrypoint),
    workingDir: workdir === undefined ? undefined : withoutSlash(workdir),
    user: user || undefined,
    groups: options.groupAdd,
    tty: options.tty,
    stdin: options.interactive ? (attached === "foreground" ? "once" : "open") : "none",
    init: options.init,
    hostname,
    domainname: options.domainname,
  };
}

/** podman takes an array too. */
function entrypointOf(text: string): string[] {
  if (text === "") return [];
  if (!text.startsWith("[")) return [text];
  try {
    const words: unknown = JSON.parse(text);
    if (Array.isArray(words) && words.every((word) => typeof word === "string")) return words;
  } catch {
    // The name of a program may begin so.
  }
  return [text];
}
