/** A command line of `run` or `create` as a request. The flags of each part, and what they mean, are in files of their own. */
import type { ContainerRequest } from "../../engine/request.ts";
import { requestOf } from "../../engine/request-defaults.ts";
import type { OptionSpecs, OptionValues } from "../option.ts";
import { deviceOptions, devicesOf } from "./devices.ts";
import { environmentOf, environmentOptions } from "./environment.ts";
import { flagError } from "./flag-error.ts";
import { healthOf, healthOptions } from "./health.ts";
import { kernelLimitOptions, kernelLimitsOf } from "./kernel-limits.ts";
import { labelOptions, labelsOf } from "./labels.ts";
import { lifecycleOf, lifecycleOptions } from "./lifecycle.ts";
import { namespaceOptions, namespacesOf } from "./namespaces.ts";
import { networkOf, networkOptions } from "./network.ts";
import { type Attached, programOf, programOptions } from "./program.ts";
import { refuse, refusedOptions } from "./refused.ts";
import { resourceOptions, resourcesOf } from "./resources.ts";
import { securityOf, securityOptions } from "./security.ts";
import { storageOf, storageOptions } from "./storage.ts";
import { absolutePath, type Surroundings } from "./surroundings.ts";

const sourceOptions = {
  name: { type: "string", value: "name", summary: "its name (one is made up)" },
  pull: {
    type: "choice",
    value: "when",
    choices: ["always", "missing", "never"],
    default: "missing",
    group: "Image",
    summary: "bring the image from its registry",
  },
  platform: {
    type: "string",
    value: "os/arch[/variant]",
    group: "Image",
    summary: "for another machine than this one",
  },
  rootfs: {
    type: "boolean",
    group: "Image",
    summary: "the image is the path of a directory; <path>:idmap with --userns",
  },
  runtime: {
    type: "string",
    value: "program",
    group: "Start and end",
    summary: "another OCI runtime: runc, /usr/bin/crun",
  },
} as const satisfies OptionSpecs;

/** Every flag that says what a container is. In the order in which help shows the groups. */
export const containerOptions = {
  ...sourceOptions,
  ...programOptions,
  ...environmentOptions,
  ...storageOptions,
  ...networkOptions,
  ...resourceOptions,
  ...kernelLimitOptions,
  ...securityOptions,
  ...deviceOptions,
  ...namespaceOptions,
  ...lifecycleOptions,
  ...healthOptions,
  ...labelOptions,
  ...refusedOptions,
} as const satisfies OptionSpecs;

/**
 * What `operands` (image, command, arguments) and `options` ask for.
 * @param warn gets what has no effect
 * @throws {RuntError} InvalidArgument, Unimplemented; the message names the flag
 */
export function containerRequest(
  [source, ...command]: readonly string[],
  options: OptionValues<typeof containerOptions>,
  attached: Attached,
  surroundings: Surroundings,
  warn: (message: string) => void,
): ContainerRequest {
  refuse(options, warn);
  if (source === undefined || source === "") throw flagError("image", source ?? "", "no image");
  const program = programOf(options, command, attached);
  const network = networkOf(options, surroundings);
  const namespaces = namespacesOf(options, surroundings);
  return requestOf({
    image: options.rootfs ? undefined : source,
    ...(options.rootfs ? rootfsOf(source, surroundings.cwd) : { rootfs: undefined }),
    platform: options.platform,
    pull: options.pull,
    name: nameOf(options.name),
    ...program,
    env: environmentOf(options, surroundings),
    ...storageOf(options, surroundings),
    namespaces,
    network,
    ...devicesOf(options),
    resources: resourcesOf(options),
    security: securityOf(options, surroundings),
    ...kernelLimitsOf(options, namespaces, network),
    health: healthOf(options),
    ...lifecycleOf(options, warn),
    ...labelsOf(options, surroundings),
    runtime: options.runtime === "" || options.runtime === "runt" ? undefined : options.runtime,
  });
}

/** As docker checks it. @throws {RuntError} InvalidArgument */
function nameOf(text: string | undefined): string | undefined {
  const name = text?.replace(/^\//, "");
  if (name === undefined || name === "") return undefined;
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return name;
  throw flagError("--name", text!, "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, two characters at least");
}

/** "/path" or "/path:idmap". */
function rootfsOf(text: string, cwd: string): Pick<ContainerRequest, "rootfs" | "rootfsOwners"> {
  const path = text.replace(/:idmap$/, "");
  return { rootfs: absolutePath(path, cwd), ...(path !== text && { rootfsOwners: "container" }) };
}
