/** What CDI devices change in a container's configuration. @see Container Device Interface, SPEC.md, "OCI Edits" */
import { statSync } from "node:fs";
import { RuntError } from "../../errors.ts";
import type { ContainerEdits } from "../../spec/cdi/spec.ts";
import { type DeviceNode, deviceNumbers } from "../spec/devices.ts";
import type { SpecMount } from "../spec/mounts.ts";
import type { DeviceRule } from "../spec/resources.ts";

/** The part of config.json that they change. */
interface Configuration {
  readonly process: {
    readonly env: readonly string[];
    readonly user: { readonly additionalGids: readonly number[] };
  };
  readonly mounts: readonly SpecMount[];
  readonly linux: { readonly devices: readonly DeviceNode[]; readonly resources: object };
}

/**
 * @param user who gets a device whose owner is not said
 * @throws {RuntError} NotFound for a node that the host has not
 */
export function withEdits<C extends Configuration>(
  config: C,
  edits: readonly ContainerEdits[],
  user: { readonly uid: number; readonly gid: number },
): C {
  if (edits.length === 0) return config;
  const { process, mounts, linux } = config;
  const nodes = edits.flatMap(({ deviceNodes }) => deviceNodes).map((node) => deviceOf(node, user));
  const { devices: rules = [] } = linux.resources as { devices?: readonly DeviceRule[] };
  const paths = new Set(nodes.map(({ node }) => node.path));
  return {
    ...config,
    process: {
      ...process,
      env: withVariables(
        process.env,
        edits.flatMap(({ env }) => env),
      ),
      user: {
        ...process.user,
        additionalGids: [
          ...new Set([
            ...process.user.additionalGids,
            ...edits.flatMap(({ additionalGids }) => additionalGids),
          ]),
        ],
      },
    },
    mounts: [...mounts, ...edits.flatMap((edit) => edit.mounts).map(mountOf)],
    hooks: hooksOf(edits),
    linux: {
      ...linux,
      devices: [...linux.devices.filter(({ path }) => !paths.has(path)), ...nodes.map(({ node }) => node)],
      resources: { ...linux.resources, devices: [...rules, ...nodes.map(({ rule }) => rule)] },
    },
  };
}

/** A later one of the same name takes the place of an earlier one. */
function withVariables(own: readonly string[], more: readonly string[]): string[] {
  const variables = new Map<string, string>();
  for (const entry of [...own, ...more]) variables.set(entry.split("=", 1)[0]!, entry);
  return [...variables.values()];
}

function mountOf({ hostPath, containerPath, type, options }: ContainerEdits["mounts"][number]): SpecMount {
  const words = options.length > 0 ? options : ["rbind", "rprivate"];
  const bind = words.some((word) => word === "bind" || word === "rbind") || type === undefined;
  return {
    destination: containerPath,
    source: hostPath,
    type: type ?? "bind",
    options:
      bind && !words.some((word) => word === "bind" || word === "rbind") ? ["rbind", ...words] : [...words],
  };
}

function hooksOf(edits: readonly ContainerEdits[]): Record<string, object[]> {
  const hooks: Record<string, object[]> = {};
  for (const { hookName, ...hook } of edits.flatMap((edit) => edit.hooks)) {
    hooks[hookName] ??= [];
    hooks[hookName].push(hook);
  }
  return hooks;
}

function deviceOf(
  described: ContainerEdits["deviceNodes"][number],
  user: { readonly uid: number; readonly gid: number },
): { node: DeviceNode; rule: DeviceRule } {
  const { path, hostPath, permissions } = described;
  let { type, major, minor, fileMode } = described;
  // Whoever says the numbers may describe a node that is not there yet.
  if (type === undefined || major === undefined || minor === undefined) {
    const host = hostPath || path;
    const stat = statSync(host, { throwIfNoEntry: false });
    const found = stat?.isCharacterDevice() ? "c" : stat?.isBlockDevice() ? "b" : undefined;
    if (!stat || !found) {
      const what = stat ? `${host} is not a device` : `device ${host}: no such file or directory`;
      throw new RuntError("NotFound", what, {
        operation: "start",
        path: host,
        ...(!stat && { code: "ENOENT" }),
      });
    }
    type ??= found;
    const numbers = deviceNumbers(stat.rdev);
    major ??= numbers.major;
    minor ??= numbers.minor;
    fileMode ??= stat.mode & 0o7777;
  }
  const kind = type === "b" ? "b" : "c";
  const { uid = user.uid, gid = user.gid } = described;
  return {
    node: { path, type: kind, major, minor, fileMode: fileMode ?? 0o666, uid, gid },
    rule: { allow: true, type: kind, major, minor, access: permissions || "rwm" },
  };
}
