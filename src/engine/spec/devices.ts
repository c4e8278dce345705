/** Devices of the host in a container: looked up, directories too, and what the cgroup must allow for them. */
import { readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { RuntError } from "../../errors.ts";
import type { DeviceRequest } from "../request.ts";
import type { DeviceRule } from "./resources.ts";

/** `linux.devices`, and rules for `linux.resources.devices`. */
export interface DeviceFacts {
  readonly nodes: readonly DeviceNode[];
  readonly rules: readonly DeviceRule[];
}

export interface DeviceNode {
  readonly path: string;
  /** Where the host has it, if elsewhere. */
  readonly source?: string;
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

export const noDevices: DeviceFacts = { nodes: [], rules: [] };

/** @throws {RuntError} NotFound; InvalidArgument for what is no device and has none in it */
export function devicesOf(requests: readonly DeviceRequest[]): DeviceFacts {
  const nodes: DeviceNode[] = [];
  const rules: DeviceRule[] = [];
  for (const { host, container, permissions } of requests) {
    const found = nodesAt(host, container, permissions === "" ? "rwm" : permissions);
    nodes.push(...found.nodes);
    rules.push(...found.rules);
  }
  return { nodes, rules };
}

function nodesAt(host: string, container: string, access: string): DeviceFacts {
  const stat = statSync(host, { throwIfNoEntry: false });
  const site = { operation: "create", path: host };
  if (!stat)
    throw new RuntError("NotFound", `device ${host}: no such file or directory`, { ...site, code: "ENOENT" });
  if (!stat.isDirectory()) {
    const node = nodeOf(stat, container, host);
    if (!node) throw new RuntError("InvalidArgument", `${host} is not a device`, site);
    return { nodes: [node], rules: [ruleFor(node, access)] };
  }
  const nodes = nodesBelow(host, container);
  if (nodes.length === 0) throw new RuntError("InvalidArgument", `${host}: no devices in it`, site);
  return { nodes, rules: nodes.map((node) => ruleFor(node, access)) };
}

function nodesBelow(host: string, container: string): DeviceNode[] {
  return readdirSync(host, { withFileTypes: true }).flatMap((entry) => {
    const [from, to] = [join(host, entry.name), join(container, entry.name)];
    if (entry.isDirectory()) return nodesBelow(from, to);
    // Links in /dev lead to other devices of the same kind, or out of it.
    const node = entry.isSymbolicLink() ? undefined : nodeOf(statSync(from), to, from);
    return node ? [node] : [];
  });
}

/** Those of every container, of its own terminals, and what is a place for files. */
const notForPrivileged =
  /^\/dev\/(pts|shm|mqueue|fd|\.lxc|console|ptmx|null|zero|full|random|urandom|tty)(\/|$)/;

/** All of /dev, for a privileged container. */
export function allDevices(): DeviceNode[] {
  return nodesBelow("/dev", "/dev").filter(({ path }) => !notForPrivileged.test(path));
}

function nodeOf(stat: Stats, path: string, source: string): DeviceNode | undefined {
  const type = stat.isCharacterDevice() ? "c" : stat.isBlockDevice() ? "b" : undefined;
  if (!type) return undefined;
  const { rdev, mode, uid, gid } = stat;
  const elsewhere = source === path ? {} : { source };
  return { path, ...elsewhere, type, ...deviceNumbers(rdev), fileMode: mode & 0o7777, uid, gid };
}

/** @see makedev(3) */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  const n = BigInt(rdev);
  return {
    major: Number(((n >> 8n) & 0xfffn) | ((n >> 32n) & ~0xfffn)),
    minor: Number((n & 0xffn) | ((n >> 12n) & ~0xffn)),
  };
}

function ruleFor({ type, major, minor }: DeviceNode, access: string): DeviceRule {
  return { allow: true, type, major, minor, access };
}

/** Numbers of block devices by their paths. @throws {RuntError} NotFound, InvalidArgument */
export function blockDevicesOf(
  paths: readonly string[],
): ReadonlyMap<string, { readonly major: number; readonly minor: number }> {
  return new Map(
    paths.map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat?.isBlockDevice()) {
        throw new RuntError(stat ? "InvalidArgument" : "NotFound", `${path} is not a block device`, {
          operation: "create",
          path,
        });
      }
      return [path, deviceNumbers(stat.rdev)];
    }),
  );
}
