/**
 * What a schema of one field cannot say: how the sections of a configuration fit together.
 *
 * Each rule is one small function with a name. They run in the listed order, after the schema and before
 * anything is done, and none looks at the host: what needs that (is the joined network namespace the
 * host's own? is a capability known to the kernel?) is checked where host facts are at hand.
 */
import type { Config } from "./config.ts";
import { invalid, type JsonPath, type Origin } from "./document-error.ts";
import type { Process } from "./process.ts";
import type { LinuxResources } from "./resources.ts";
import { idMapChecks } from "./validate/id-maps.ts";
import { mountChecks } from "./validate/mounts.ts";
import { namespaceChecks } from "./validate/namespaces.ts";
import { netDeviceChecks } from "./validate/net-devices.ts";
import { placementChecks } from "./validate/placement.ts";
import { processChecks } from "./validate/process.ts";
import { limitChecks, ruleChecks } from "./validate/resources.ts";
import { seccompChecks } from "./validate/seccomp.ts";
import { sysctlChecks } from "./validate/sysctl.ts";

/** Throws the error for what is wrong at a path of the checked value. */
export type Refuse = (path: JsonPath, message: string) => never;

/** One rule: returns when `value` keeps it. */
export type Check<T> = (value: T, refuse: Refuse) => void;

/** Rules by name. */
export type Checks<T> = Readonly<Record<string, Check<T>>>;

/** All rules about a whole configuration, in the order in which they run. */
export const configChecks: Checks<Config> = {
  ...within(["process"], (config: Config) => config.process, processChecks),
  ...namespaceChecks,
  ...idMapChecks,
  ...mountChecks,
  ...sysctlChecks,
  ...netDeviceChecks,
  ...within(["linux", "resources"], (config: Config) => config.linux.resources, {
    ...ruleChecks,
    ...limitChecks,
  }),
  ...placementChecks,
  ...seccompChecks,
};

/** Rules about a part, as rules about the whole. */
function within<Whole, Part>(
  at: JsonPath,
  part: (whole: Whole) => Part,
  checks: Checks<Part>,
): Checks<Whole> {
  const lifted = Object.entries(checks).map(([name, check]): [string, Check<Whole>] => [
    name,
    (whole, refuse) => check(part(whole), (path, message) => refuse([...at, ...path], message)),
  ]);
  return Object.fromEntries(lifted);
}

function run<T>(checks: Checks<T>, value: T, origin: Origin): void {
  const refuse: Refuse = (path, message) => {
    throw invalid(origin, path, message);
  };
  for (const name in checks) checks[name]!(value, refuse);
}

/** @throws {RuntError} InvalidArgument for the first rule that `config` breaks */
export function checkConfig(config: Config, origin: Origin): void {
  run(configChecks, config, origin);
}

/** Checks a process on its own. @throws {RuntError} InvalidArgument */
export function checkProcess(process: Process, origin: Origin): void {
  run(processChecks, process, origin);
}

/** Checks resources that will be merged into others. @throws {RuntError} InvalidArgument */
export function checkUpdate(resources: LinuxResources, origin: Origin): void {
  run(ruleChecks, resources, origin);
}

/** Checks resources that are all there will be, for instance after a merge. @throws {RuntError} InvalidArgument */
export function checkResources(resources: LinuxResources, origin: Origin): void {
  run({ ...ruleChecks, ...limitChecks }, resources, origin);
}
