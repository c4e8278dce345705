/** /dev: the devices and links that every container has, and `linux.devices`. */
import * as k from "../../linux/mount-flags.ts";
import type { LinuxDevice } from "../../spec/runtime/devices.ts";
import { isBind } from "../../spec/runtime/mount-kind.ts";
import { Make, type Op } from "../wire/ops.ts";
import type { PlanContext } from "./context.ts";

const character = (path: string, major: number, minor: number): LinuxDevice => ({
  path,
  type: "c",
  major,
  minor,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
});

/** @see runtime-spec 1.3 config-linux.md#default-devices */
export const defaultDevices: readonly LinuxDevice[] = [
  character("/dev/null", 1, 3),
  character("/dev/zero", 1, 5),
  character("/dev/full", 1, 7),
  character("/dev/random", 1, 8),
  character("/dev/urandom", 1, 9),
  character("/dev/tty", 5, 0),
];

const fileTypes = { b: 0o060000, c: 0o020000, u: 0o020000, p: 0o010000 } as const;

/** Does the container bring a /dev of its own? Then it is left as it is. */
export function bringsDev(context: PlanContext): boolean {
  return context.config.mounts.some(
    (mount) => mount.destination.replace(/\/+$/, "") === "/dev" && isBind(mount),
  );
}

export interface DevOps {
  readonly shim: readonly Op[];
  readonly init: readonly Op[];
}

export function planDev(context: PlanContext): DevOps {
  if (context.namespace("mount") === undefined || bringsDev(context)) return { shim: [], init: [] };
  const shim: Op[] = [];
  const init: Op[] = [];
  const own = new Map(context.config.linux.devices.map((device) => [device.path, device]));
  const all = [...defaultDevices.filter((device) => !own.has(device.path)), ...own.values()];
  for (const [i, device] of all.entries()) {
    const ops = context.isMapped ? bindDevice(context, device, `device${i}`) : makeDevice(device);
    const at = own.has(device.path)
      ? `linux.devices[${context.config.linux.devices.indexOf(device)}]`
      : "/dev";
    shim.push(...ops.shim.map((op) => ({ ...op, at })));
    init.push(...ops.init.map((op) => ({ ...op, at })));
  }
  const links: [string, string][] = [
    ["/proc/self/fd", "/dev/fd"],
    ["/proc/self/fd/0", "/dev/stdin"],
    ["/proc/self/fd/1", "/dev/stdout"],
    ["/proc/self/fd/2", "/dev/stderr"],
    ["pts/ptmx", "/dev/ptmx"],
  ];
  if (context.bundle.kcore) links.push(["/proc/kcore", "/dev/core"]);
  for (const [target, path] of links) init.push({ op: "symlink", target, path, at: "/dev" });
  return { shim, init };
}

function makeDevice(device: LinuxDevice): DevOps {
  const { path, major, minor, uid, gid } = device;
  return {
    shim: [],
    init: [{ op: "mknod", path, mode: fileTypes[device.type] | device.fileMode, major, minor, uid, gid }],
  };
}

/** mknod(2) of a device is refused in a user namespace: the host's node is bound instead. */
function bindDevice(context: PlanContext, device: LinuxDevice, tree: string): DevOps {
  if (device.type === "p") return makeDevice(device);
  const open: Op[] = [{ op: "open_tree", out: tree, dir: null, path: device.path, flags: k.OPEN_TREE_CLONE }];
  const { major, minor } = device;
  open.push({ op: "check_device", fd: tree, type: fileTypes[device.type], major, minor });
  const place: Op = { op: "move_mount", tree, path: device.path, make: Make.file, strict: 0 };
  return context.sourcePhase === "shim"
    ? { shim: open, init: [place] }
    : { shim: [], init: [...open, place] };
}
