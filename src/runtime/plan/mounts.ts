/** `mounts`: each becomes a detached tree, gets its attributes, and is moved onto its place in the rootfs. */

import { RuntError } from "../../errors.ts";
import * as k from "../../linux/mount-flags.ts";
import type { Mount } from "../../spec/runtime/mount.ts";
import { Make, type Op } from "../wire/ops.ts";
import type { PlanContext } from "./context.ts";
import { hostId } from "./id-maps.ts";
import { idmapOps, type MapSlots, mapOf, mapSlot, type Naming } from "./mount-id-maps.ts";
import { type SortedMountOptions, sortMountOptions } from "./mount-options.ts";
import { idmappedOverlay, layerMapping } from "./overlay.ts";
import { placeOp } from "./place.ts";

/** What mounts need done, by when. */
export interface MountOps {
  /** In the host's user namespace, before clone. */
  readonly shim: readonly Op[];
  readonly init: readonly Op[];
  /** When the rootfs is complete: what must be read-only but had to be written first. */
  readonly final: readonly Op[];
}

/** @see runtime-spec 1.3 config.md#mounts */
export function planMounts(context: PlanContext): MountOps {
  const shim: Op[] = [];
  const init: Op[] = [];
  const final: Op[] = [];
  const maps: MapSlots = new Map();
  for (const [i, mount] of context.config.mounts.entries()) {
    const at = `mounts[${i}]`;
    const one = planMount(context, mount, { tree: `mount${i}`, at, maps });
    shim.push(...one.shim.map((op) => ({ ...op, at })));
    init.push(...one.init.map((op) => ({ ...op, at })));
    final.push(...one.final.map((op) => ({ ...op, at })));
  }
  return { shim, init, final };
}

function planMount(context: PlanContext, mount: Mount, naming: Naming): MountOps {
  const options = sortMountOptions(mount.options, mount.type);
  if (options.remount) return { shim: [], init: remountOps(mount.destination, options), final: [] };
  if (options.bind !== "none") return bindOps(context, mount, options, naming);
  return fileSystemOps(context, mount, options, naming);
}

/** Changes of a mount that is there already. */
function remountOps(path: string, { attributes, recursive, propagation }: SortedMountOptions): Op[] {
  const ops: Op[] = [];
  const plain = { op: "mount_setattr", path, at_flags: 0, set: 0, clear: 0, propagation: 0 } as const;
  if (attributes.set | attributes.clear) ops.push({ ...plain, ...attributes });
  if (recursive) ops.push({ ...plain, ...recursive, at_flags: k.AT_RECURSIVE });
  for (const p of propagation) {
    ops.push({ ...plain, propagation: p.type, at_flags: p.recursive ? k.AT_RECURSIVE : 0 });
  }
  return ops;
}

/** The attributes and the propagation of a tree that is not mounted yet. */
function treeOps(tree: string, options: SortedMountOptions, attributes = options.attributes): Op[] {
  const plain = {
    op: "tree_setattr",
    tree,
    at_flags: 0,
    set: 0,
    clear: 0,
    propagation: 0,
    userns: null,
  } as const;
  const ops: Op[] = [];
  if (attributes.set | attributes.clear) ops.push({ ...plain, ...attributes });
  if (options.recursive) ops.push({ ...plain, ...options.recursive, at_flags: k.AT_RECURSIVE });
  for (const p of options.propagation) {
    ops.push({ ...plain, propagation: p.type, at_flags: p.recursive ? k.AT_RECURSIVE : 0 });
  }
  return ops;
}

function bindOps(
  context: PlanContext,
  mount: Mount,
  options: SortedMountOptions,
  { tree, at, maps }: Naming,
): MountOps {
  const path = context.sourcePath(mount);
  const kind = context.bundle.sources.get(path);
  if (kind === undefined) {
    throw new RuntError("NotFound", `config.json: ${at}.source: ${path}: no such file or directory`, {
      operation: "create",
      subject: `config.json: ${at}.source`,
      path,
      code: "ENOENT",
    });
  }
  if (options.data.length > 0) {
    throw new RuntError(
      "InvalidArgument",
      `config.json: ${at}.options: a bind mount cannot have options of a file system: ${options.data.join(",")}`,
      { operation: "create", subject: `config.json: ${at}.options` },
    );
  }
  const flags = k.OPEN_TREE_CLONE | (options.bind === "rbind" ? k.AT_RECURSIVE : 0);
  const { subdirectory } = options;
  const open: Op[] = [
    subdirectory === undefined
      ? {
          op: "open_tree",
          out: tree,
          dir: null,
          path,
          flags: flags | (options.sourceNofollow ? AT_SYMLINK_NOFOLLOW : 0),
        }
      : // "./": a slash before it means nothing.
        { op: "open_tree_beneath", out: tree, root: path, path: `./${subdirectory}`, flags },
  ];
  // A copy made in the host's mount namespace is a peer of the original until it is told otherwise.
  if (context.sourcePhase === "shim" && !context.sharesMounts) open.push(slaveTree(tree));
  const idmap = idmapOps(context, mount, options, { tree, at, maps });
  // What lies below a directory may be another thing by the time that it is opened.
  const make = subdirectory !== undefined ? Make.alike : kind === "directory" ? Make.directory : Make.file;
  const place = [placeOp(context, { tree, path: mount.destination, make, strict: 0 })];
  // Idmapping asks for CAP_SYS_ADMIN where the file system was mounted, so it is the shim's.
  if (context.sourcePhase === "shim" || idmap.length > 0) {
    return { shim: [...open, ...idmap, ...treeOps(tree, options)], init: place, final: [] };
  }
  return { shim: [], init: [...open, ...treeOps(tree, options), ...place], final: [] };
}

const AT_SYMLINK_NOFOLLOW = 0x100;

/** Mounts of the host still arrive in the tree; what happens in the tree stays there. */
export function slaveTree(tree: string): Op {
  return {
    op: "tree_setattr",
    tree,
    at_flags: k.AT_RECURSIVE,
    set: 0,
    clear: 0,
    propagation: k.MS_SLAVE,
    userns: null,
  };
}

function fileSystemOps(
  context: PlanContext,
  mount: Mount,
  options: SortedMountOptions,
  naming: Naming,
): MountOps {
  const { destination } = mount;
  const { tree } = naming;
  const type = mount.type === "cgroup" ? "cgroup2" : (mount.type ?? "none");
  const isTmpfs = type === "tmpfs";
  // Written to before it may become read-only: device nodes, copied content, mount points of later mounts.
  const late = (isTmpfs || destination === "/dev") && (options.attributes.set & k.MOUNT_ATTR_RDONLY) !== 0;
  const attributes = late
    ? { set: options.attributes.set & ~k.MOUNT_ATTR_RDONLY, clear: options.attributes.clear }
    : options.attributes;

  const data = type === "cgroup2" ? cgroup2Data(options.data) : options.data;
  const flags = options.superFlags.filter((flag) => !(flag === "ro" && (late || sharedInstance.has(type))));
  const source = mount.source !== undefined ? [`source=${mount.source}`] : [];
  const label = context.mountLabel && labelled.has(type) ? [`context=${context.mountLabel}`] : [];
  const open: FsMount = {
    op: "fsmount",
    out: tree,
    type,
    options: [...source, ...flags, ...data, ...label],
    attrs: attributes.set,
  };
  // A list of directories, mostly: then all of them together may fill a page.
  if (open.options.some((option) => valueBytes(option) > fsconfigValueBytes)) {
    const op: Op = {
      op: "mount",
      out: tree,
      source: mount.source ?? "none",
      type,
      place: context.bundle.rootfs,
      flags: flags.reduce((bits, flag) => bits | superFlagBits[flag]!, 0),
      data: [...data, ...label].join(","),
    };
    if (type === "overlay" && isMadeOutside(context, mount, options)) {
      return overlayOps(context, mount, options, naming, op);
    }
    const place = placeOp(context, { tree, path: destination, make: Make.directory, strict: 0 });
    return { shim: [], init: [op, ...treeOps(tree, options), place], final: [] };
  }
  if (type === "overlay" && isMadeOutside(context, mount, options)) {
    return overlayOps(context, mount, options, naming, open);
  }
  const otherwise = fallback(context, type, tree, open);

  const strict = type === "proc" || type === "sysfs" ? 1 : 0;
  const beforeMove: Op[] = [];
  if (isTmpfs && !data.some((word) => word.startsWith("mode=")))
    beforeMove.push({ op: "copy_mode", tree, path: destination });
  if (isTmpfs && options.tmpcopyup) beforeMove.push({ op: "copy_up", tree, path: destination });
  const init: Op[] = [
    otherwise.length > 0 ? { ...open, otherwise } : open,
    // fsmount took the attributes; a fallback did not, and propagation comes by itself anyway.
    ...treeOps(tree, options, otherwise.length > 0 ? attributes : { set: 0, clear: 0 }),
    ...beforeMove,
    placeOp(context, { tree, path: destination, make: Make.directory, strict }),
  ];
  const final: Op[] = late
    ? [
        {
          op: "mount_setattr",
          path: destination,
          at_flags: 0,
          set: k.MOUNT_ATTR_RDONLY,
          clear: 0,
          propagation: 0,
        },
      ]
    : [];
  return { shim: [], init, final };
}

/**
 * Whether the shim mounts an overlay: layers are directories of the host, which root of the container's user namespace may
 * not even reach; and what it made would be its own, with whiteouts of another form.
 */
function isMadeOutside(context: PlanContext, mount: Mount, options: SortedMountOptions): boolean {
  return context.sourcePhase === "shim" || mapOf(context, mount, options) !== undefined;
}

/** @param make the op that mounts it */
function overlayOps(
  context: PlanContext,
  mount: Mount,
  options: SortedMountOptions,
  naming: Naming,
  make: FsMount | Extract<Op, { op: "mount" }>,
): MountOps {
  const { tree } = naming;
  const place = placeOp(context, { tree, path: mount.destination, make: Make.directory, strict: 0 });
  // fsmount takes the attributes itself.
  const attributes = make.op === "fsmount" ? { set: 0, clear: 0 } : options.attributes;
  const after = treeOps(tree, options, attributes);
  const map = mapOf(context, mount, options);
  if (!map) {
    // For mount(2) there must be a moment in which it is mounted somewhere.
    const ops: Op[] =
      make.op === "mount" ? [{ op: "private_mounts" }, make, { op: "former_mounts" }] : [make];
    return { shim: [...ops, ...after], init: [place], final: [] };
  }
  const [uid, gid] = map.map(layerMapping);
  if (!uid || !gid) {
    const subject = `config.json: ${naming.at}.${uid ? "gid" : "uid"}Mappings`;
    const what = `${subject}: an overlay needs id 4294967294 and one more line for its own files`;
    throw new RuntError("InvalidArgument", what, { operation: "create", subject });
  }
  const { userns, open } = mapSlot([uid, gid], naming);
  const shim = [...open, ...idmappedOverlay(tree, options.data, userns, make), ...after];
  return { shim, init: [place], final: [] };
}

/** What fsconfig(2) takes as a value, without the NUL. */
const fsconfigValueBytes = 255;

function valueBytes(option: string): number {
  return Buffer.byteLength(option.slice(option.indexOf("=") + 1));
}

/** The same flags for mount(2). */
const superFlagBits: Readonly<Record<string, number>> = {
  ro: k.MS_RDONLY,
  sync: k.MS_SYNCHRONOUS,
  dirsync: k.MS_DIRSYNC,
  mand: k.MS_MANDLOCK,
  lazytime: k.MS_LAZYTIME,
  iversion: k.MS_I_VERSION,
};

/** File systems of which every mount is the same one: read-only would be for the host too. */
const sharedInstance = new Set([
  "proc",
  "sysfs",
  "cgroup2",
  "mqueue",
  "devtmpfs",
  "securityfs",
  "debugfs",
  "tracefs",
  "bpf",
]);
/** File systems that take SELinux's `context=`. */
const labelled = new Set(["tmpfs", "devpts", "ramfs", "overlay"]);

/** Options of cgroup v1 mounts, which callers still write, mean nothing to cgroup2. */
function cgroup2Data(data: readonly string[]): string[] {
  return data.filter((word) =>
    ["nsdelegate", "memory_recursiveprot", "memory_localevents", "favordynmods"].includes(word),
  );
}

/** Where a kernel may refuse to mount something anew, what is mounted already is bound instead. */
function fallback(context: PlanContext, type: string, tree: string, wanted: FsMount): Op[] {
  const flags = k.OPEN_TREE_CLONE | k.AT_RECURSIVE;
  const bind = (path: string): Op => ({ op: "open_tree", out: tree, dir: null, path, flags });
  switch (type) {
    case "sysfs":
      // It belongs to a network namespace, and only who owns that one may mount it.
      return context.isMapped ? [bind("/sys")] : [];
    case "cgroup2":
      return context.cgroupPath ? ownCgroup(context, tree, bind(context.cgroupPath)) : [];
    case "devpts": {
      // "gid=5" is in every config, and an ordinary user has one group only.
      const options = wanted.options.filter((option) => isMappedGid(context, option));
      return options.length < wanted.options.length ? [{ ...wanted, options }] : [];
    }
    default:
      return [];
  }
}

type FsMount = Extract<Op, { op: "fsmount" }>;

/**
 * Without a cgroup namespace of its own a container sees its own part only; and nothing where an ordinary
 * user got no cgroup, rather than the host's (CVE-2023-25809).
 */
function ownCgroup({ host }: PlanContext, tree: string, own: Op): Op[] {
  if (host.privileged) return [own];
  const attrs = k.MOUNT_ATTR_RDONLY;
  return [
    { ...own, otherwise: [{ op: "fsmount", out: tree, type: "tmpfs", options: ["ro", "mode=0555"], attrs }] },
  ];
}

/** False for "gid=N" of a group that the container may turn out not to have. */
function isMappedGid({ config, isMapped }: PlanContext, option: string): boolean {
  const gid = /^gid=(\d+)$/.exec(option)?.[1];
  return !isMapped || gid === undefined || hostId(config.linux.gidMappings, Number(gid)) !== undefined;
}
