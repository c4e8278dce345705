/**
 * config.json: everything a bundle says about its container.
 *
 * @see runtime-spec 1.3 config.md
 */
import type { Origin } from "./document-error.ts";
import { Hooks } from "./hooks.ts";
import { annotations, optionalText } from "./leaves.ts";
import { Linux } from "./linux.ts";
import { Mount } from "./mount.ts";
import { parseDocument, readDocument } from "./parse.ts";
import { Process } from "./process.ts";
import { LinuxResources } from "./resources.ts";
import { Root } from "./root.ts";
import { filled, type Infer, list, object } from "./schema.ts";
import { checkConfig, checkProcess, checkUpdate } from "./validate.ts";
import { ociVersion } from "./version.ts";

/** config.json for Linux; the sections of other platforms are ignored. */
export const Config = object(() => ({
  ociVersion,
  root: Root,
  /** The specification asks for it at start only; like runc, runt asks at create. */
  process: Process,
  /** Needs a uts namespace. */
  hostname: optionalText,
  /** Needs a uts namespace. */
  domainname: optionalText,
  mounts: list(Mount),
  hooks: filled(Hooks),
  annotations,
  linux: filled(Linux),
}));
export type Config = Infer<typeof Config>;

/**
 * Reads config.json and checks all that can be known without looking at the host.
 * @param where the file's name, for messages
 * @throws {RuntError} InvalidArgument: `config.json: mounts[3].destination: must not be empty`,
 *   or `config.json:3:17: …` where the text is not JSON
 */
export function parseConfig(text: string, where: string, operation = "create"): Config {
  const origin: Origin = { where, operation };
  const config = inItsVersion(parseDocument(Config, text, origin));
  checkConfig(config, origin);
  return config;
}

/**
 * As `parseConfig`, for a configuration that is a value already. The result is a copy with defaults filled in.
 * @throws {RuntError} InvalidArgument
 */
export function readConfig(value: unknown, where: string, operation = "create"): Config {
  const origin: Origin = { where, operation };
  const config = inItsVersion(readDocument(Config, value, origin));
  checkConfig(config, origin);
  return config;
}

/**
 * Until 1.3 `pids.limit` was not a pointer in the specification's Go types: 0 is what engines wrote, and still
 * write, for "no limit". From 1.3 on it is a limit like any other.
 */
function inItsVersion(config: Config): Config {
  const [, minor = "0"] = config.ociVersion.split(".");
  if (config.linux.resources.pids.limit !== 0 || Number(minor) >= 3) return config;
  const { limit: _, ...pids } = config.linux.resources.pids;
  return { ...config, linux: { ...config.linux, resources: { ...config.linux.resources, pids } } };
}

/**
 * Reads the process object that `exec --process` takes.
 * @throws {RuntError} InvalidArgument, as `parseConfig`
 */
export function parseProcess(text: string, where: string, operation = "exec"): Process {
  const origin: Origin = { where, operation };
  const process = parseDocument(Process, text, origin);
  checkProcess(process, origin);
  return process;
}

/**
 * As `parseProcess`, for a process that is a value already: the container's own, say, with changes.
 * @throws {RuntError} InvalidArgument
 */
export function readProcess(value: unknown, where: string, operation = "exec"): Process {
  const origin: Origin = { where, operation };
  const process = readDocument(Process, value, origin);
  checkProcess(process, origin);
  return process;
}

/**
 * Reads the resources object that `update --resources` takes. How limits fit together can only be said
 * once they are merged with those the container has: `checkResources` does.
 * @throws {RuntError} InvalidArgument, as `parseConfig`
 */
export function parseResources(text: string, where: string, operation = "update"): LinuxResources {
  const origin: Origin = { where, operation };
  const resources = parseDocument(LinuxResources, text, origin);
  checkUpdate(resources, origin);
  return resources;
}
