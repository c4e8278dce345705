/** From an image config to a config.json. @see image-spec conversion.md */
import { RuntError } from "../../errors.ts";
import { CREATED } from "../../spec/image/annotations.ts";
import type { ImageConfig } from "../../spec/image/config.ts";
import type { SnapshotMount } from "../snapshot/overlay.ts";
import { defaultCapabilities } from "./capabilities.ts";
import type { ImageUser } from "./user.ts";

/** A config.json to start from, whose `process` and `mounts` are added to. */
export type BaseConfig = Readonly<Record<string, unknown>>;

export interface BundleConfigOptions {
  readonly user: ImageUser;
  /** Instead of the image's Cmd; its Entrypoint stays before it. */
  readonly command?: readonly string[];
  /** "NAME=value", over the image's. */
  readonly env: readonly string[];
  readonly terminal: boolean;
  readonly hostname: string;
  /** Mounts that make the root file system; before all others. */
  readonly rootMounts: readonly SnapshotMount[];
}

/** Where programs are looked for when the image does not say. */
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The config.json of a container that runs what the image says.
 * @throws {RuntError} InvalidArgument where neither the image nor the caller names a program
 */
export function bundleConfig(
  image: ImageConfig,
  base: BaseConfig,
  options: BundleConfigOptions,
): Record<string, unknown> {
  const { user, terminal, hostname, rootMounts } = options;
  const args = [...(image.config.Entrypoint ?? []), ...(options.command ?? image.config.Cmd ?? [])];
  if (args.length === 0) {
    const site = { operation: "unpack", hint: "name one: runt unpack IMAGE DIR COMMAND [ARG…]" };
    throw new RuntError("InvalidArgument", "the image has no command, and none is given", site);
  }
  const { uid, gid, additionalGids } = user;
  const { mounts, process, root, ...rest } = base as Record<string, object> & { mounts?: SnapshotMount[] };
  const { rlimits: _rlimits, ...ownProcess } = process as { rlimits?: unknown };
  return {
    ...rest,
    process: {
      ...ownProcess,
      terminal,
      user: { uid, gid, ...(additionalGids.length > 0 && { additionalGids }) },
      args,
      env: environment(image.config.Env, options),
      cwd: image.config.WorkingDir || "/",
      capabilities: {
        bounding: defaultCapabilities,
        effective: uid === 0 ? defaultCapabilities : [],
        permitted: uid === 0 ? defaultCapabilities : [],
      },
      // Images have setuid programs, and mean them.
      noNewPrivileges: false,
    },
    root: { ...root, readonly: false },
    hostname,
    mounts: [...rootMounts, ...(mounts ?? [])],
    annotations: annotations(image),
  };
}

/** The image's, then the caller's, and what every program expects. */
function environment(image: readonly string[], { env, user, terminal }: BundleConfigOptions): string[] {
  const variables = new Map<string, string>();
  const set = (entry: string) =>
    variables.set(entry.slice(0, Math.max(entry.indexOf("="), 0)) || entry, entry);
  set(defaultPath);
  if (terminal) set("TERM=xterm");
  for (const entry of [...image, ...env]) set(entry);
  // The runtime would look in the root file system, which is not there yet when it looks.
  if (!variables.has("HOME")) set(`HOME=${user.home || "/"}`);
  return [...variables.values()].filter((entry) => entry.includes("="));
}

/** Labels, and what else the standard wants to be found again; a label of the same name counts. */
function annotations({ config, ...image }: ImageConfig): Record<string, string> {
  const said: Record<string, string | undefined> = {
    "org.opencontainers.image.os": image.os,
    "org.opencontainers.image.architecture": image.architecture,
    "org.opencontainers.image.variant": image.variant,
    "org.opencontainers.image.os.version": image["os.version"],
    "org.opencontainers.image.author": image.author,
    [CREATED]: image.created,
    "org.opencontainers.image.stopSignal": config.StopSignal,
    "org.opencontainers.image.exposedPorts": Object.keys(config.ExposedPorts ?? {}).join(","),
  };
  const entries = Object.entries(said).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return { ...Object.fromEntries(entries), ...config.Labels };
}
